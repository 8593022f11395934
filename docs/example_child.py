#!/usr/bin/env python3
"""An example for PROTOCOL.md: Python's asyncio as a contender, for ping_pong and skynet."""
import asyncio, json, platform, sys, time


async def ping_pong(params, time_ns):
    async def pong(inbox, outbox):
        while (number := await inbox.get()) is not None:
            await outbox.put(number + 1)

    async def pair():
        (there, back), number = (asyncio.Queue(params["capacity"]) for _ in range(2)), 0
        partner = asyncio.create_task(pong(there, back))
        while time.monotonic_ns() < begin + time_ns:
            await there.put(number)
            number = await back.get()
        await there.put(None)
        await partner
        return number

    begin = time.monotonic_ns()
    trips = sum(await asyncio.gather(*(pair() for _ in range(params["pairs"]))))
    return trips, time.monotonic_ns() - begin, trips  # Each pair's number grows by one a trip.


async def skynet(params, _time_ns):
    async def add(start, end):
        if end - start == 1:
            return 1, start
        cuts = [start + (end - start) * nth // 10 for nth in range(11)]
        done = await asyncio.gather(*(add(a, b) for a, b in zip(cuts, cuts[1:]) if a < b))
        return 1 + sum(tasks for tasks, _ in done), sum(numbers for _, numbers in done)

    begin = time.monotonic_ns()
    tasks, numbers = await add(0, params["leaves"])
    return tasks, time.monotonic_ns() - begin, numbers


def refusal(name, params):
    if name not in WORKLOADS or any(params.get(it) for it in ("hog", "pipe", "channels")):
        return "the example does not have that"
    if params["workers"] > 1 or params.get("capacity") == 0:
        return "asyncio has one thread, and no rendezvous"


WORKLOADS = {"ping_pong": ping_pong, "skynet": skynet}
for line in sys.stdin:
    asked = json.loads(line)
    if asked["cmd"] in ("check", "start"):
        body, params = WORKLOADS.get(asked["workload"]), asked["params"]
        answer = {"ok": True, "contender": "asyncio", "version": platform.python_version(), "config": {"workers": 1}}
        if reason := refusal(asked["workload"], params):
            answer = {"ok": False, "kind": "n/a", "reason": reason}
    elif asked["cmd"] == "slice":
        cpu, (ops, wall, value) = time.process_time_ns(), asyncio.run(body(params, asked["time_ms"] * 1_000_000))
        answer = {"ops": ops, "wall_ns": wall, "cpu_ns": time.process_time_ns() - cpu, "answer": str(value)}
    else:
        print("{}", flush=True)  # finish: all of its answer is optional.
        break
    print(json.dumps(answer), flush=True)
