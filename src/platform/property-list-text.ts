/**
 * Whether a text is an XML property list, read as strictly as its strictest reader does: npm's `plist` takes a bare `&`, two
 * values of one key and `<integer>30 35</integer>` without a word. Also where each key stands. Pure.
 */

/** What is wrong with the text, and where. */
export interface TextFault {
  readonly code: "broken_xml" | "raw_ampersand" | "no_xml_line" | "duplicate_key" | "bad_number";
  readonly message: string;
  /** From 1. */
  readonly line?: number;
  /** Which key it is about: `EnvironmentVariables.PATH`. */
  readonly key?: string;
}

export interface TextScan {
  /** The first thing after which nothing can be told any more. */
  readonly broken?: TextFault;
  /** What readers disagree about: some refuse it, some make something else of it. */
  readonly flaws: readonly TextFault[];
  /** Key path → line; items of lists by their index: `ProgramArguments.2`. */
  readonly lines: ReadonlyMap<string, number>;
  readonly comments: number;
}

const TOKEN =
  /<!--[\s\S]*?-->|<!\[CDATA\[[\s\S]*?\]\]>|<\?[\s\S]*?\?>|<!DOCTYPE[^>[]*(?:\[[\s\S]*?\]\s*)?>|<\/?[A-Za-z][^<>]*>|[^<]+|</g;
const TAG = /^<(\/?)([A-Za-z][\w.-]*)([^>]*?)(\/?)>$/;
const RAW_AMPERSAND = /&(?!(?:amp|lt|gt|apos|quot|#\d+|#x[\dA-Fa-f]+);)/g;
/** XML has no place for these; U+FFFD stands for text that was lost. */
// oxlint-disable-next-line no-control-regex
const CONTROL = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffd-\uffff]/;
const LITERALS: Readonly<Record<string, RegExp>> = {
  integer: /^\s*[+-]?\d+\s*$/,
  real: /^\s*[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?\s*$/,
  date: /^\s*\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ\s*$/,
  true: /^\s*$/,
  false: /^\s*$/,
};
const TAGS = new Set(["plist", "dict", "array", "key", "string", "data", ...Object.keys(LITERALS)]);

/** Far more than any property list has, and few enough for what goes through it by calling itself. */
const DEPTH_MAX = 64;

interface Frame {
  readonly tag: string;
  readonly path: string;
  readonly keys: Set<string>;
  /** The key whose value comes next. */
  pending: string | undefined;
  items: number;
  text: string;
}

/** Ends the scan; never leaves this file. */
class Broken extends Error {}

class Scanner {
  readonly flaws: TextFault[] = [];
  readonly lines = new Map<string, number>();
  comments = 0;
  #line = 1;
  #hasRoot = false;
  readonly #open: Frame[] = [];

  get line(): number {
    return this.#line;
  }

  scan(text: string): void {
    for (const [token] of text.matchAll(TOKEN)) {
      this.#take(token);
      for (const letter of token) if (letter === "\n") this.#line += 1;
    }
    const open = this.#open.at(-1);
    if (open !== undefined) throw new Broken(`the file ends before </${open.tag}>`);
    if (!this.#hasRoot) throw new Broken("there is no <plist> in it");
  }

  #take(token: string): void {
    if (token === "<") throw new Broken("a < that begins no tag; in a text it is written &lt;");
    if (token.startsWith("<!--")) this.comments += 1;
    else if (token.startsWith("<![CDATA[")) this.#addText(token.slice(9, -3));
    else if (!token.startsWith("<")) this.#addText(this.#decoded(token));
    else if (!token.startsWith("<?") && !token.startsWith("<!")) this.#tag(token);
  }

  #tag(token: string): void {
    const [, isEnd, tag = "", attributes = "", isEmpty] = TAG.exec(token) ?? [];
    if (!TAGS.has(tag)) throw new Broken(`<${tag}> is no tag of a property list`);
    if (attributes.trim() !== "" && !(tag === "plist" && /^\s+version=("|')[\d.]*\1\s*$/.test(attributes)))
      throw new Broken(`<${tag}> takes no attributes`);
    if (isEnd === "/") return this.#close(tag);
    this.#begin(tag);
    if (isEmpty === "/") this.#close(tag);
  }

  #begin(tag: string): void {
    const parent = this.#open.at(-1);
    if (parent === undefined && (tag !== "plist" || this.#hasRoot))
      throw new Broken(
        this.#hasRoot ? `<${tag}> behind the end of the property list` : `the file begins with <${tag}>`,
      );
    if (this.#open.length >= DEPTH_MAX) throw new Broken(`nested deeper than ${DEPTH_MAX}`);
    this.#hasRoot = true;
    const path = parent === undefined ? "" : this.#pathIn(parent, tag);
    this.#open.push({ tag, path, keys: new Set(), pending: undefined, items: 0, text: "" });
  }

  /** The key path of a value that begins in `parent`; throws when none may stand there. */
  #pathIn(parent: Frame, tag: string): string {
    switch (parent.tag) {
      case "plist":
        parent.items += 1;
        if (parent.items > 1) throw new Broken("a property list holds one value, and here a second one begins");
        return "";
      case "array": {
        const path = joined(parent.path, String(parent.items));
        parent.items += 1;
        this.lines.set(path, this.#line);
        return path;
      }
      case "dict": {
        const isKey = tag === "key";
        if (isKey && parent.pending !== undefined) throw new Broken(`the key ${parent.pending} has no value`);
        if (!isKey && parent.pending === undefined) throw new Broken(`<${tag}> without a <key> before it`);
        const path = isKey ? parent.path : joined(parent.path, parent.pending ?? "");
        if (!isKey) parent.pending = undefined;
        return path;
      }
      default:
        throw new Broken(`<${tag}> within <${parent.tag}>`);
    }
  }

  #close(tag: string): void {
    const frame = this.#open.pop();
    if (frame?.tag !== tag)
      throw new Broken(frame === undefined ? `</${tag}> without its beginning` : `</${tag}> before </${frame.tag}>`);
    if (frame.pending !== undefined) throw new Broken(`the key ${frame.pending} has no value`);
    if (tag === "plist" && frame.items === 0) throw new Broken("the property list is empty");
    if (tag === "key") this.#endKey(frame.text);
    if (LITERALS[tag]?.test(frame.text) === false) {
      const message = `<${tag}> holds ${JSON.stringify(frame.text.slice(0, 40))}`;
      this.flaws.push({ code: "bad_number", message, line: this.#line, key: frame.path });
    }
  }

  #endKey(key: string): void {
    const dict = this.#open.at(-1);
    if (dict?.tag !== "dict") throw new Broken("a <key> outside of a <dict>");
    const path = joined(dict.path, key);
    if (dict.keys.has(key)) {
      const message = `the key stands twice, first in line ${this.lines.get(path)}`;
      this.flaws.push({ code: "duplicate_key", message, line: this.#line, key: path });
    } else this.lines.set(path, this.#line);
    dict.keys.add(key);
    dict.pending = key;
  }

  #addText(text: string): void {
    const frame = this.#open.at(-1);
    const holdsText = frame !== undefined && !["plist", "dict", "array"].includes(frame.tag);
    if (holdsText) frame.text += text;
    else if (text.trim() !== "")
      throw new Broken(`text outside of any value: ${JSON.stringify(text.trim().slice(0, 40))}`);
  }

  #decoded(text: string): string {
    const raw = [...text.matchAll(RAW_AMPERSAND)];
    const [first] = raw;
    if (first !== undefined) {
      const line = this.#line + text.slice(0, first.index).split("\n").length - 1;
      const message = "a bare &: no reader of XML has to go on behind it; it is written &amp;";
      this.flaws.push({ code: "raw_ampersand", message, line });
    }
    return text.replaceAll("&lt;", "<").replaceAll("&gt;", ">").replaceAll("&amp;", "&");
  }
}

function joined(path: string, key: string): string {
  return path === "" ? key : `${path}.${key}`;
}

/** Looks through a text. Linear in its length. */
export function scanPropertyList(text: string): TextScan {
  const scanner = new Scanner();
  const { flaws, lines } = scanner;
  const start = text.replace(/^\ufeff/, "");
  if (!start.startsWith("<?xml") && !start.startsWith("<plist")) {
    const message = start.trimStart().startsWith("<?xml")
      ? "something stands before <?xml, which has to come first"
      : "the first line is no <?xml …?>: some readers do not know it for a property list";
    flaws.push({ code: "no_xml_line", message, line: 1 });
  }
  const control = CONTROL.exec(text);
  if (control !== null) {
    const line = text.slice(0, control.index).split("\n").length;
    return {
      flaws,
      lines,
      comments: 0,
      broken: { code: "broken_xml", message: "a control character, or one that stands for lost text", line },
    };
  }
  try {
    scanner.scan(start);
  } catch (thrown) {
    if (!(thrown instanceof Broken)) throw thrown;
    const broken: TextFault = { code: "broken_xml", message: thrown.message, line: scanner.line };
    return { flaws, lines, comments: scanner.comments, broken };
  }
  return { flaws, lines, comments: scanner.comments };
}

/** The text with every bare `&` written as XML wants it; comments and CDATA are left as they are. */
export function withAmpersands(text: string): string {
  return text.replaceAll(TOKEN, (token) => (token.startsWith("<") ? token : token.replaceAll(RAW_AMPERSAND, "&amp;")));
}
