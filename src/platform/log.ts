/** Diagnostics for people who look into trouble: one JSON line each, written at once. Facts about orders go elsewhere. */
import { pino } from "pino";

export interface Log {
  /** `event` is a snake_case past fact; `fields` are flat, without secrets. */
  info(event: string, fields?: Readonly<Record<string, unknown>>): void;
  warn(event: string, fields?: Readonly<Record<string, unknown>>): void;
  error(event: string, fields?: Readonly<Record<string, unknown>>): void;
}

/** Appends to the file at `path`, made when absent. A disk that refuses loses lines, never the process. */
export function openLog(path: string): Log {
  const destination = pino.destination({ dest: path, sync: true, mkdir: false, mode: 0o600 });
  // Without a listener a full disk would end the process: a log line is not worth that.
  destination.on("error", () => undefined);
  const logger = pino({ base: { pid: process.pid }, timestamp: pino.stdTimeFunctions.isoTime }, destination);
  return {
    info: (event, fields) => logger.info({ event, ...fields }),
    warn: (event, fields) => logger.warn({ event, ...fields }),
    error: (event, fields) => logger.error({ event, ...fields }),
  };
}

/** Keeps nothing. */
export const silentLog: Log = { info: () => undefined, warn: () => undefined, error: () => undefined };
