/** `npm run bench -- NAME [PART…]`: measures, prints ratios, and fails where a number is not reached. */
const [name, ...parts] = process.argv.slice(2);
const benches: Readonly<Record<string, () => Promise<(parts: readonly string[]) => Promise<boolean>>>> = {
  line: async () => (await import("./line.ts")).benchLine,
  orders: async () => (await import("./orders.ts")).benchOrders,
  cost: async () => (await import("./cost.ts")).benchCost,
  guardrail: async () => (await import("./guardrail.ts")).benchGuardrail,
  peers: async () => (await import("./peers.ts")).benchPeers,
};
const load = benches[name ?? ""];
if (load === undefined) {
  process.stderr.write(`usage: npm run bench -- ${Object.keys(benches).join(" | ")} [part…]\n`);
  process.exitCode = 2;
} else {
  const bench = await load();
  process.exitCode = (await bench(parts)) ? 0 : 1;
}
