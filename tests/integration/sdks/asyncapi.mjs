// What AsyncAPI's own parser says of a document: node asyncapi.mjs FILE
import { Parser, fromFile } from "@asyncapi/parser";

const { document, diagnostics } = await fromFile(new Parser(), process.argv[2]).parse();
const channels = document ? document.channels().all().map((channel) => channel.address()) : [];
const faults = diagnostics.filter((each) => each.severity < 2).map((each) => `${each.path.join(".")}: ${each.message}`);
console.log(JSON.stringify({ version: document?.version(), channels, faults }));
