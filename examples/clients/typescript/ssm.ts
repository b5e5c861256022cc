// Reads a release straight from SSM and verifies it: docs/release-format.md, format 2.
import { createHash } from "node:crypto";
import { inflateSync } from "node:zlib";
import { GetParameterCommand, SSMClient } from "@aws-sdk/client-ssm";

const ssm = new SSMClient({});
const read = async (name: string): Promise<string> =>
  (await ssm.send(new GetParameterCommand({ Name: name, WithDecryption: true }))).Parameter!.Value!;
const sha256 = (text: string) => createHash("sha256").update(text).digest("hex");

export async function readRelease(model: string, label = "stable") {
  const [environment, name] = model.split("/").slice(-2);
  let release = JSON.parse(await read(`${model}/release:${label}`));
  if (release.format !== 2 || release.model !== name || release.environment !== environment)
    throw new Error(`${model}: not this model's release, or of another format`);
  if (release.config === undefined) {
    const parts: string[] = release.parts ?? [];
    if (!parts.every((part) => /^[0-9a-f]{16}$/.test(part))) throw new Error("no part's name");
    const texts = await Promise.all(parts.map((part) => read(`${model}/release/parts/${part}`)));
    const packed = Buffer.from(release.zlib ?? texts.join(""), "base64");
    const text = inflateSync(packed, { maxOutputLength: 4 * 1024 * 1024 }).toString("utf8");
    release = release.secrets ? { ...release, config: text } : { ...release, ...JSON.parse(text) };
  }
  if (`sha256:${sha256(release.config)}` !== release.digest) throw new Error("it was changed");
  return { ...release, config: JSON.parse(release.config) };
}

const release = await readRelease(process.argv[2] ?? "/ai/prod/support_chat", process.argv[3]);
console.log(`${release.digest}, temperature ${release.config.generation.temperature}`);
