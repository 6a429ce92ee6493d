/** `launchctl` of the launchd double: hands its words to the socket that is named first, and says what comes back. */
import { ask } from "../../../src/platform/socket.ts";
import { asRecord } from "../world.ts";

const [address = "", ...words] = process.argv.slice(2);

await ask(
  address,
  words,
  (answer) => {
    const { code, stdout, stderr } = asRecord(answer);
    process.stdout.write(String(stdout));
    process.stderr.write(String(stderr));
    process.exitCode = Number(code);
  },
  { silenceMs: 0 },
);
