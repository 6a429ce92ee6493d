/**
 * What runs is built from src into few files: a start loads a dozen instead of hundreds. Every file lies one folder below
 * dist, as every room lies one below src: a path from one module to a file of another is right in both.
 */
import { defineConfig } from "rolldown";

export default defineConfig({
  input: {
    "bin/wo": "src/main.ts",
    "platform/runner-host": "src/platform/runner-host.ts",
    "platform/publisher-thread": "src/platform/publisher-thread.ts",
    "daemon/read-thread": "src/daemon/read-thread.ts",
    // Sandboxes hide package.json, which would say what a .js is.
    "platform/network-bridge.mjs": "src/platform/network-bridge.mts",
  },
  platform: "node",
  // What CommonJS packages ask for.
  transform: { target: "node20.19", define: { __filename: "import.meta.filename", __dirname: "import.meta.dirname" } },
  output: {
    dir: "dist",
    format: "esm",
    sourcemap: true,
    entryFileNames: ({ name }) => (name.endsWith(".mjs") ? name : `${name}.js`),
    chunkFileNames: "chunks/[name].js",
  },
});
