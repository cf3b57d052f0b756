import { expect, layer } from "@effect/vitest"
import { Effect } from "effect"
import { createHmac } from "node:crypto"
import { commandsOf, json as parsed, jsonLines, run, Served, write } from "./Processes.js"

/** The commands of webhook sources in a project of its own. */
const commands = commandsOf("webhook-sources")

/** Posts as GitHub does, and gives what the server answers. */
const post = (address: string, secret: string, body: object) =>
  Effect.promise(async (signal) => {
    const text = JSON.stringify(body)
    const signature = createHmac("sha256", secret).update(text).digest("hex")
    const headers = {
      "content-type": "application/json",
      "x-github-event": "issues",
      "x-hub-signature-256": `sha256=${signature}`,
    }
    const answer = await fetch(address, { method: "POST", body: text, headers, signal })
    return { status: answer.status, json: parsed(await answer.text()) }
  })

layer(Served.layer, { excludeTestServices: true })("webhook sources", (it) => {
  it.scoped("are defined, listed, shown, rotated and removed; a signed message begins a run", () =>
    Effect.gen(function* () {
      const { cwd, env, lines, refusal, command: sources } = yield* commands
      expect(yield* sources("list")).toBe(
        "No webhook sources. To make one: runlease help webhook-sources define\n",
      )
      const definition = ["--scheme", "github", "--agent", "fixer", "--event", "issues.opened,push"]
      const prompt = "Fix\n{{payload.issue.title}}"
      const text = yield* sources("define", "issues", ...definition, "--prompt", prompt)
      const [, address = "", secret = ""] =
        /^Source issues begins runs of fixer\. Its messages go to:\n {2}(\S+)\nIts secret, shown only now:\n {2}(whsec_\S{44})\n$/.exec(
          text,
        ) ?? []
      expect(address).toMatch(new RegExp(`^${env.RUNLEASE_URL}/hooks/[0-9a-f-]{36}/issues$`))

      const message = { action: "opened", issue: { title: "The export is empty" } }
      const { json, status } = yield* post(address, secret, message)
      expect({ json, status }).toMatchObject({ status: 202, json: { duplicate: false } })
      const shownRun = yield* run(["runs", "get", String(json["run_id"]), "--json"], { cwd, env })
      expect(jsonLines(shownRun.stdout)[0]).toMatchObject({
        agent_id: "fixer",
        labels: { webhook: "issues" },
      })

      expect(yield* sources("list")).toMatch(/^SOURCE[^]*\nissues +github +fixer +issues\.opened, push +\S+/)
      expect(yield* sources("show", "issues")).toContain(`address   ${address}\n`)
      // Another definition keeps the address and the secret.
      expect(yield* sources("define", "issues", ...definition)).toBe(
        `Source issues begins runs of fixer. Its messages go to:\n  ${address}\n`,
      )
      expect(yield* post(address, secret, message)).toMatchObject({ json: { duplicate: true } })

      const [rotated] = yield* lines("rotate", "issues", "--expires", "0")
      expect(rotated).toMatchObject({ name: "issues", secret: expect.stringMatching(/^whsec_\S{44}$/) })
      expect(yield* post(address, secret, message)).toMatchObject({ status: 401 })
      // The secret of the service, as an editor writes it.
      yield* write(cwd, "secret.txt", "the secret that GitHub has\n")
      const [given] = yield* lines("rotate", "issues", "--secret-file", "secret.txt")
      expect(given).toMatchObject({ secret: null })
      expect(yield* post(address, "the secret that GitHub has", message)).toMatchObject({ status: 202 })

      expect(yield* sources("remove", "issues")).toContain("Removed source issues")
      expect(yield* refusal("show", "issues")).toEqual({
        code: 1,
        stdout: "",
        stderr:
          "Error: Webhook source issues does not exist\nList the sources of the project with: runlease webhook-sources list\n",
      })
    }),
  )

  it.scoped("are refused with what would be right", () =>
    Effect.gen(function* () {
      const { cwd, refusal } = yield* commands
      yield* write(cwd, "short.txt", "short")
      const wrong = [
        [["define", "Issues", "--agent", "a"], "<source> must be words of a-z and 0-9 with dashes"],
        [["define", "issues"], "--agent"],
        [["define", "issues", "--agent", "a", "--scheme", "other"], "--scheme"],
        [
          ["define", "issues", "--agent", "a", "--secret-file", "short.txt"],
          "secret: must be 24 to 64 bytes",
        ],
        [["define", "issues", "--agent", "a", "--secret-file", "none.txt"], "none.txt cannot be read"],
        [["define", "issues", "--agent", "a", "--prompt", ""], "prompt: "],
        [["rotate", "issues", "--expires", "8d"], "--expires takes 0 to 7 days"],
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
