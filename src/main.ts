#!/usr/bin/env node
/** The program: joins what is typed with what runs. */
import { runProgram } from "./cli/program.ts";
import { thisMachine } from "./platform/machine.ts";
import { exitWith, ownWords } from "./platform/self.ts";

exitWith(await runProgram(ownWords(), thisMachine().version));
