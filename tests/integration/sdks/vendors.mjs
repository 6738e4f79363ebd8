// Vendors' libraries for Node: node vendors.mjs VENDOR ADDRESS KEY
import { createRequire } from "node:module";

const [, , vendor, address, key] = process.argv;
const require = createRequire(import.meta.url);
const { hostname, port } = new URL(address);

function check(error) {
  if (error) {
    console.error(error);
    process.exitCode = 1;
  }
}

async function posthog() {
  const { PostHog } = await import("posthog-node");
  const client = new PostHog(key, { host: address });
  client.on("error", check);
  const visitor = "01a22518-abb7-7913-a08f-7702f1d13213";
  client.capture({ distinctId: visitor, event: "$pageview", properties: { $current_url: "https://shop.example/" } });
  client.alias({ distinctId: "node-c", alias: visitor });
  client.capture({ distinctId: "node-c", event: "Order Completed", properties: { order_id: "17", revenue: 99.5 } });
  if (Object.keys(await client.getAllFlags("node-c")).length) check("there are flags");
  await client.shutdown();
}

async function mixpanel() {
  const logger = { ...console, warn() {} }; // it calls the only key that goes over plain HTTP deprecated
  const place = { host: `${hostname}:${port}`, protocol: "http" };
  const client = require("mixpanel").init(key, { ...place, key, logger });
  const told = (ask) => new Promise((done) => ask((error) => done(check(error))));
  await told((done) => client.track("Order Completed", { distinct_id: "node-c", order_id: "17", revenue: 99.5 }, done));
  await told((done) => client.alias("node-a", "node-c", done));
  await told((done) => client.people.set("node-c", { $email: "ann@example.com" }, done));
  await told((done) => client.people.track_charge("node-c", 99.5, done));
  await told((done) => client.import("Old", new Date(1700000000000), { distinct_id: "node-c" }, done));
  const batch = [{ event: "Listed", properties: { distinct_id: "node-c", time: 1700000000 } }];
  await new Promise((done) => client.import_batch(batch, (errors) => done(errors?.forEach(check))));
}

async function amplitude() {
  const client = require("@amplitude/analytics-node");
  await client.init(key, { serverUrl: `${address}/2/httpapi` }).promise;
  const who = { user_id: "node-c", device_id: "node-a" };
  const sent = [
    client.track("Order Completed", { order_id: "17" }, who),
    client.identify(new client.Identify().set("email", "ann@example.com"), who),
    client.revenue(new client.Revenue().setPrice(99.5).setQuantity(1), who),
  ];
  client.flush();
  for (const { code, message } of await Promise.all(sent.map((each) => each.promise))) {
    if (code !== 200) check(`${code} ${message}`);
  }
}

async function snowplow() {
  const { newTracker, buildPageView, buildSelfDescribingEvent } = require("@snowplow/node-tracker");
  const ours = "iglu:com.snowplowanalytics.snowplow.ecommerce";
  for (const eventMethod of ["post", "get"]) {
    let left = 1 + (eventMethod === "get");
    await new Promise((done) => {
      const requested = { onRequestSuccess: () => --left || done(), onRequestFailure: (failed) => done(check(failed)) };
      const emitter = { endpoint: address, eventMethod, bufferSize: 2, ...requested };
      const tracker = newTracker({ namespace: "t", appId: key, encodeBase64: eventMethod === "post" }, emitter);
      tracker.setUserId("node-c");
      tracker.track(buildPageView({ pageUrl: "https://shop.example/" }));
      const event = { schema: `${ours}/snowplow_ecommerce_action/jsonschema/1-0-2`, data: { type: "transaction" } };
      const order = { schema: `${ours}/transaction/jsonschema/1-0-0`, data: { transaction_id: "17", revenue: 99.5 } };
      tracker.track(buildSelfDescribingEvent({ event }), [order]);
    });
  }
}

await { posthog, mixpanel, amplitude, snowplow }[vendor]();
