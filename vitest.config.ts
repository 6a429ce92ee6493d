import { defineConfig } from "vitest/config";

const project = (name: string, timeoutMs: number) => ({
  test: {
    name,
    include: [`tests/${name}/**/*.test.ts`],
    globalSetup: ["tests/support/build.ts"],
    setupFiles: ["tests/support/remove-worlds.ts"],
    testTimeout: timeoutMs,
    hookTimeout: timeoutMs,
  },
});

export default defineConfig({
  test: {
    projects: [
      project("architecture", 20_000),
      project("unit", 20_000),
      project("integration", 60_000),
      project("e2e", 120_000),
      project("crash", 900_000),
      project("fuzz", 86_400_000),
    ],
    maxWorkers: 2,
    passWithNoTests: false,
  },
});
