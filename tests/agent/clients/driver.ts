// Evaluates flags as the test asks on standard input, a line of JSON each, and answers likewise.
import { createInterface } from "node:readline";
import { OFREPApi } from "@openfeature/ofrep-core";
import { OFREPProvider } from "@openfeature/ofrep-provider";
import { OpenFeature } from "@openfeature/server-sdk";

const [baseUrl, token] = process.argv.slice(2);
const authorization: [string, string] = ["Authorization", `Bearer ${token}`];
await OpenFeature.setProviderAndWait(new OFREPProvider({ baseUrl, headers: [authorization] }));
const flags = OpenFeature.getClient();

const evaluate: Record<string, (flag: string, fallback: any, context: any) => Promise<any>> = {
  boolean: (...given) => flags.getBooleanDetails(...given),
  string: (...given) => flags.getStringDetails(...given),
  integer: (...given) => flags.getNumberDetails(...given),
  float: (...given) => flags.getNumberDetails(...given),
  object: (...given) => flags.getObjectDetails(...given),
};

async function answer(asked: any) {
  if (asked.etag !== undefined) {
    const headers = [authorization, ["If-None-Match", asked.etag] as [string, string]];
    const said = await new OFREPApi(baseUrl).postBulkEvaluateFlags({}, { headers });
    return { status: said.httpStatus, etag: said.httpResponse?.headers.get("etag") };
  }
  const context = asked.key === undefined ? {} : { targetingKey: asked.key };
  const said = await evaluate[asked.type](asked.flag, asked.default, context);
  const { value, reason, variant, errorCode: code, flagMetadata: metadata } = said;
  return { value, reason, variant, code, metadata };
}

for await (const line of createInterface({ input: process.stdin })) {
  const asked = JSON.parse(line);
  const said = [];
  while (asked.length) said.push(...(await Promise.all(asked.splice(0, 16).map(answer))));
  console.log(JSON.stringify(said));
}
process.exit(0);
