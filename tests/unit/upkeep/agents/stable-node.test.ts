/** An agent's Node is one that is still there after an upgrade, or somebody is told. */
import { expect, test } from "vitest";
import { stableNode } from "../../../../src/upkeep/agents/stable-node.ts";

const CELLAR = "/opt/homebrew/Cellar/node/22.1.0/bin/node";
const chosen = (path: string, ...there: readonly string[]) => stableNode(path, "22.1.0", (one) => there.includes(one));

test("Homebrew's link is named instead of the folder of one version", () => {
  expect(chosen(CELLAR, "/opt/homebrew/opt/node/bin/node")).toEqual({
    path: "/opt/homebrew/opt/node/bin/node",
    version: "22.1.0",
  });
  expect(chosen(CELLAR, "/opt/homebrew/bin/node")).toMatchObject({ path: "/opt/homebrew/bin/node" });
  expect(
    chosen("/usr/local/Cellar/node@20/20.1/bin/node", "/usr/local/opt/node@20/bin/node", "/usr/local/bin/node"),
  ).toMatchObject({
    path: "/usr/local/opt/node@20/bin/node",
  });
});

test("without its link the folder of one version is kept, and told", () => {
  expect(chosen(CELLAR)).toMatchObject({ path: CELLAR, warning: { code: "node_in_cellar" } });
});

test.each([
  ["nvm", "/Users/you/.nvm/versions/node/v22.1.0/bin/node"],
  ["fnm", "/Users/you/Library/Application Support/fnm/node-versions/v22/installation/bin/node"],
  ["volta", "/Users/you/.volta/tools/image/node/22.1.0/bin/node"],
  ["asdf", "/Users/you/.asdf/installs/nodejs/22.1.0/bin/node"],
  ["mise", "/Users/you/.local/share/mise/installs/node/22/bin/node"],
])("the Node of %s is kept, and told", (manager, path) => {
  const { warning, ...choice } = chosen(path, path);
  expect(choice).toEqual({ path, version: "22.1.0" });
  expect(warning).toMatchObject({ code: "node_of_version_manager", message: expect.stringContaining(manager) });
});

test("any other Node is nobody's business", () => {
  expect(chosen("/usr/local/bin/node")).toEqual({ path: "/usr/local/bin/node", version: "22.1.0" });
});
