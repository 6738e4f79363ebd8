"""Answers to surveys of aliases, on their way from one customer to the next."""

from tests.flow.harness import WEB, Worker, World
from tests.touchpoints import touchpoint
from tests.virtual_time import run

JOURNEY = """
journey: retail
version: 1
key: properties.order_id
feedback: {nps: {type: Survey}}
stages: [{name: seen, touchpoints: [{type: Page Viewed}], drops_after: 2d}]
"""
ADDRESS = "email_sha256:" + "e" * 64


def test_an_answer_outlives_a_change_of_customer() -> None:
    """The address belongs to a visitor who has no order of their own, and with the visitor to a customer: 1 answer."""

    async def scenario() -> None:
        world = World(4, JOURNEY)
        address, visitor = {"email_sha256": "e" * 64}, {"anonymous_id": "a1"}

        def send(to: str, kind: str, ids: dict[str, str], **properties: object) -> None:
            world.turn(1)
            world.produce(WEB, touchpoint("", kind, world.now_ms, ids=ids, properties=properties), to=to)

        async def work() -> None:
            worker = Worker(world)
            await worker.own()
            assert not worker.ended
            await worker.stop()
            assert world.figures() == world.contributions()
            assert world.figure("retail|feedback|nps|9") == 1

        send("anonymous_id:a1", "identify", address | visitor)
        send(ADDRESS, "Page Viewed", address, order_id="o1")
        send(ADDRESS, "Survey", address, order_id="o1", score=9)
        await work()
        send("c1", "identify", {"customer_id": "c1"} | visitor)
        await work()

    run(scenario())
