// Segment's library for Node: node segment.mjs ADDRESS KEY
import { Analytics } from "@segment/analytics-node";

const [, , host, writeKey] = process.argv;
const analytics = new Analytics({ writeKey, host, path: "/v1/batch", flushAt: 100, maxRetries: 0 });
analytics.on("error", (error) => {
  console.error(error);
  process.exitCode = 1;
});
analytics.page({ anonymousId: "node-a", name: "Home" });
analytics.identify({ userId: "node-c", anonymousId: "node-a", traits: { email: "ann@example.com" } });
analytics.track({ userId: "node-c", event: "Order Completed", properties: { order_id: "17", revenue: 99.5 } });
analytics.group({ userId: "node-c", groupId: "acme" });
analytics.alias({ userId: "node-c", previousId: "node-a" });
await analytics.closeAndFlush();
