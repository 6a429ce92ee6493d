/** Set up before each test file: a world is gone when the test that made it has ended. */
import { onTestFinished } from "vitest";
import { World } from "./world.ts";

World.keeper = (world) => onTestFinished(() => world.remove());
