// Reads a configuration through the agent, with OpenFeature's SDK and its OFREP provider.
import { readFileSync } from "node:fs";
import { OFREPProvider } from "@openfeature/ofrep-provider";
import { OpenFeature } from "@openfeature/server-sdk";

const token = readFileSync(process.env.AGENT_TOKEN_FILE!, "utf8").trim();
const provider = new OFREPProvider({
  baseUrl: process.env.AGENT_URL ?? "http://127.0.0.1:2774",
  headers: [["Authorization", `Bearer ${token}`]],
});
await OpenFeature.setProviderAndWait(provider);
const flags = OpenFeature.getClient();
const user = { targetingKey: "user-1" }; // the unit of a rollout

const whole = await flags.getObjectDetails("support_chat", {}, user);
const temperature = await flags.getNumberValue("support_chat/generation/temperature", 0, user);
console.log(`release ${whole.flagMetadata.release} (${whole.variant}), temperature ${temperature}`);
