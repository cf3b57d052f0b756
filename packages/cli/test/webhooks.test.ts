import { expect, layer } from "@effect/vitest"
import { Effect } from "effect"
import { commandsOf, run, Served } from "./Processes.js"

const hook = "https://example.com/hook"

/** The commands of webhooks in a project of its own. */
const commands = commandsOf("webhooks")

layer(Served.layer, { excludeTestServices: true })("webhooks", (it) => {
  it.scoped("are made, listed, shown, changed, rotated and removed; a secret is printed once", () =>
    Effect.gen(function* () {
      const { lines, refusal, command: webhooks } = yield* commands
      expect(yield* webhooks("list")).toBe("No endpoints. To make one: runlease help webhooks create\n")
      const events = ["--event", "run.completed,run.failed", "--event", "run.expired"]
      const narrowed = ["--agent", "writer", "--label", "team=a", "--description", "The billing"]
      const text = yield* webhooks("create", hook, ...events, ...narrowed)
      const [, id, secret] =
        /^Created endpoint (\S+)\. Its secret, shown only now:\n {2}(whsec_\S{44})\n$/.exec(text) ?? []
      const [made] = yield* lines("show", id!)
      expect(made).toMatchObject({
        id,
        url: hook,
        events: ["run.completed", "run.failed", "run.expired"],
        agent_ids: ["writer"],
        labels: { team: "a" },
        description: "The billing",
        status: "enabled",
      })
      const listed = yield* webhooks("list")
      expect(listed).toMatch(
        new RegExp(`^ENDPOINT[^]*\\n${id} +${hook} +run.completed.* +writer +team=a +enabled\\n$`),
      )
      const shown = yield* webhooks("show", id!)
      expect(shown).toMatch(/^description +The billing$/m)
      expect(shown).toContain(`runlease webhooks deliveries --endpoint ${id}`)

      expect(yield* webhooks("update", id!, "--disable", "--clear", "agent", "--clear", "label")).toBe(
        `Updated endpoint ${id}; it is disabled\n`,
      )
      expect(yield* webhooks("show", id!)).toContain(`runlease webhooks update ${id} --enable`)
      const [changed] = yield* lines("update", id!, "--enable", "--to", `${hook}/2`, "--event", "run.waiting")
      expect(changed).toMatchObject({
        url: `${hook}/2`,
        events: ["run.waiting"],
        agent_ids: null,
        labels: {},
        description: "The billing",
        status: "enabled",
      })

      const [rotated] = yield* lines("rotate", id!, "--expires", "0")
      expect(rotated).toMatchObject({ id, secret: expect.stringMatching(/^whsec_\S{44}$/) })
      expect(rotated!["secret"]).not.toBe(secret)
      const all = [listed, shown, yield* webhooks("list"), JSON.stringify([made, changed])].join("\n")
      expect(all).not.toContain("whsec_")

      expect(yield* webhooks("remove", id!)).toContain(`Removed endpoint ${id}`)
      expect(yield* refusal("show", id!)).toEqual({
        code: 1,
        stdout: "",
        stderr: `Error: Webhook endpoint ${id} does not exist\nList the endpoints of the project with: runlease webhooks list\n`,
      })
    }),
  )

  it.scoped("have messages, which are listed and sent again", () =>
    Effect.gen(function* () {
      const { cwd, env, lines, refusal, command: webhooks } = yield* commands
      // No message may go to this machine: the first attempt fails at once, and the next one is in five seconds.
      const [made] = yield* lines("create", "http://127.0.0.1:9/hook", "--event", "run.cancelled")
      const id = String(made!["id"])
      const [sent] = yield* lines("test", id)
      expect(sent).toMatchObject({ type: "test", endpoint_id: id, run_id: null, status: "pending" })
      const message = String(sent!["id"])

      const failed = yield* lines("deliveries", "--endpoint", id).pipe(
        Effect.repeat({ until: ([first]) => first!["last_error"] !== null }),
      )
      expect(failed).toMatchObject([{ id: message, attempt: 1, status: "pending", last_status: null }])
      expect(yield* webhooks("deliveries", "--status", "pending")).toMatch(
        new RegExp(
          `^MESSAGE[^]*\\n${message} +test .* 1 +\\S+ \\S+ +pending +127.0.0.1 is not an address of the public`,
        ),
      )
      expect(yield* webhooks("list")).toMatch(/ failing\n$/)
      expect(yield* webhooks("retry", message)).toBe("Sent again: 1 message\n")

      // What is due while the endpoint is disabled is dead.
      yield* webhooks("update", id, "--disable")
      yield* webhooks("retry", message)
      yield* lines("deliveries", "--status", "dead").pipe(
        Effect.repeat({ until: (dead) => dead.length === 1 }),
      )
      yield* webhooks("update", id, "--enable")
      expect(yield* lines("retry", "--endpoint", id, "--since", "2090-01-01T00:00:00Z")).toEqual([
        { retried: 0 },
      ])
      expect(yield* lines("retry", "--endpoint", id, "--since", "1h")).toEqual([{ retried: 1 }])

      yield* run(["submit", "--agent", "writer", "--id", "run-1", "hello"], { cwd, env })
      yield* run(["runs", "cancel", "run-1"], { cwd, env })
      expect(yield* lines("deliveries", "--limit", "1")).toMatchObject([
        { type: "run.cancelled", run_id: "run-1" },
      ])
      const unknown = `msg_${id}`
      expect(yield* refusal("retry", unknown)).toMatchObject({
        code: 1,
        stderr: `Error: Webhook delivery ${unknown} does not exist\nList the messages of the project with: runlease webhooks deliveries\n`,
      })
    }),
  )

  it.scoped("are refused with what would be right", () =>
    Effect.gen(function* () {
      const { refusal } = yield* commands
      const id = "00000000-0000-4000-8000-000000000001"
      const wrong = [
        [["create", hook], "The events are missing\nName them with --event run.completed"],
        [["create", hook, "--event", "run.ended"], "--event takes run.completed, run.failed,"],
        [["create", "http://example.com/", "--event", "run.failed"], "url: must begin with https://"],
        [["create", "https://example.com:22/", "--event", "run.failed"], "url: must have port 443 or 8443"],
        [["show", "hook"], "<endpoint> must be a UUID"],
        [["update", id], "There is nothing to change"],
        [["update", id, "--enable", "--disable"], "--enable and --disable exclude each other"],
        [["update", id, "--agent", "a", "--clear", "agent"], "--agent and --clear agent exclude each other"],
        [["rotate", id, "--expires", "8d"], "--expires takes 0 to 7 days"],
        [["retry"], "Name the messages by their ids, or all dead ones of an endpoint with --endpoint"],
        [["retry", id], "<message> must be the id of a delivery, such as msg_"],
        [["retry", `msg_${id}`, "--endpoint", id], "Name the messages by their ids"],
        [["retry", `msg_${id}`, "--since", "1h"], "--since needs --endpoint"],
      ] as const
      for (const [args, hint] of wrong) {
        const { code, stderr, stdout } = yield* refusal(...args)
        expect({ args, code, stdout, stderr }).toEqual({
          args,
          code: 64,
          stdout: "",
          stderr: expect.stringContaining(hint),
        })
      }
    }),
  )
})
