/** Producers of every kind, careful and careless, with every kind of order. */
import type { World } from "../../tests/support/world.ts";
import type { Observer } from "./observer.ts";
import { bad, commanding, drop, ending, everything, filing, folder, type Order, type Place } from "./orders.ts";
import type { Random } from "./random.ts";

const LANES = ["A", "B", "C"];
/** Large enough for contents to be blobs. */
const LARGE_BYTES = 70_000;

/** Files are taken soon; commands leave what they did where no sandbox would let them. */
export const LOAD_CONFIG = [
  "intake: {settleMs: 100, giveUpMs: 300, rescanMs: 500}",
  "lanes:",
  ...LANES.map((lane) => `  ${lane}: {sandbox: off}`),
  "  HELD: {mode: hold}",
  "",
].join("\n");

/** How a command may end whose end went with the machine. */
export const LOST_END = { ends: ["done", "failed"], failures: ["interrupted"] };

export interface LoadOptions {
  readonly world: World;
  readonly observer: Observer;
  /** Where commands leave their orders' ids. */
  readonly effects: string;
  readonly random: Random;
  /** Whether every drop is synced; by default half of them are. */
  readonly isDurable?: boolean;
  /** How a command may end that was cut off. */
  readonly interrupted: Readonly<Pick<Order["drop"], "ends" | "failures">>;
}

export class Load {
  readonly #options: LoadOptions;
  #count = 0;

  constructor(options: LoadOptions) {
    this.#options = options;
  }

  /** Drops one more, durably or not. */
  drop(): void {
    const { world, observer, random } = this.#options;
    const order = this.#next();
    const isDurable = this.#options.isDurable ?? random.chance(0.5);
    const one = ending(order, { isDurable });
    drop(world, one);
    observer.drops.push(one.drop);
  }

  /** Drops one after the other, at random distances, until it is told to end. */
  async goOn(signal: AbortSignal, pauseMs = 30): Promise<void> {
    while (!signal.aborted) {
      this.drop();
      await new Promise((resolve) => setTimeout(resolve, this.#options.random.below(pauseMs)));
    }
  }

  #next(): Order {
    const { observer, random, interrupted, effects } = this.#options;
    this.#count += 1;
    const place: Place = { id: `WO-${this.#count}`, lane: LANES[random.below(LANES.length)] ?? "", effects };
    const running = (order: Order): Order => ending(order, interrupted);
    const chance = random.next();
    if (chance < 0.3) return filing(place, 10 + random.below(1000));
    if (chance < 0.4) return filing(place, LARGE_BYTES);
    if (chance < 0.6) return running(commanding(place, random.chance(0.3) ? "sleep 0.05; " : ""));
    if (chance < 0.8) return running(everything(place));
    if (chance < 0.86) return running(folder(place));
    if (chance < 0.91) return bad(place);
    if (chance < 0.94) return ending(filing({ ...place, lane: "HELD" }), { ends: ["waiting"] });
    const earlier = observer.drops.filter(({ ends, name }) => ends.includes("done") && name.endsWith(".json"));
    const again = earlier[random.below(earlier.length)];
    if (again === undefined) return filing(place);
    const name = `${place.id}-again.json`;
    // Its files are as the first one left them by now.
    return { drop: { ...again, name, before: {}, after: {} }, files: { [name]: again.text } };
  }
}
