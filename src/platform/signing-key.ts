/** An Ed25519 key of this machine's own, to know again what it has written itself. */
import { createPrivateKey, createPublicKey, generateKeyPairSync, type KeyObject, sign, verify } from "node:crypto";
import { sha256 } from "./ids.ts";

export class SigningKey {
  readonly #key: KeyObject;

  private constructor(key: KeyObject) {
    this.#key = key;
  }

  static make(): SigningKey {
    return new SigningKey(generateKeyPairSync("ed25519").privateKey);
  }

  /** The key that `pem` was; undefined for any other text. */
  static parse(pem: string): SigningKey | undefined {
    try {
      const key = createPrivateKey(pem);
      return key.asymmetricKeyType === "ed25519" ? new SigningKey(key) : undefined;
    } catch {
      // Whatever it is: no key of ours.
      return undefined;
    }
  }

  /** For a file that only its user may read. */
  get pem(): string {
    return this.#key.export({ type: "pkcs8", format: "pem" }).toString();
  }

  /** Names it without giving it away. */
  get id(): string {
    const publicKey = createPublicKey(this.#key).export({ type: "spki", format: "der" });
    return sha256(publicKey).slice(0, 16);
  }

  /** In base64. */
  sign(text: string): string {
    return sign(null, Buffer.from(text), this.#key).toString("base64");
  }

  /** True when this key has signed this very text. */
  hasSigned(text: string, signature: string): boolean {
    return verify(null, Buffer.from(text), createPublicKey(this.#key), Buffer.from(signature, "base64"));
  }
}
