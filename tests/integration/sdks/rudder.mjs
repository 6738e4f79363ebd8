// RudderStack's library for Node: node rudder.mjs ADDRESS KEY GZIP
import RudderAnalytics from "@rudderstack/rudder-sdk-node";

const [, , dataPlaneUrl, key, gzip] = process.argv;
const analytics = new RudderAnalytics(key, { dataPlaneUrl, gzip: gzip === "true" });
const told = (error) => {
  if (error) {
    console.error(error);
    process.exitCode = 1;
  }
};
analytics.page({ anonymousId: "node-a", name: "Home" }, told);
analytics.identify({ userId: "node-c", anonymousId: "node-a", traits: { email: "ann@example.com" } }, told);
analytics.track({ userId: "node-c", event: "Order Completed", properties: { order_id: "17", revenue: 99.5 } }, told);
analytics.group({ userId: "node-c", groupId: "acme" }, told);
analytics.alias({ userId: "node-c", previousId: "node-a" }, told);
await analytics.flush();
