import { describe, expect, it, onTestFinished } from "vitest"
import { spawn } from "node:child_process"
import { randomBytes } from "node:crypto"
import { once } from "node:events"
import { type AddressInfo, createServer } from "node:net"
import { createInterface } from "node:readline"
import { Webhook } from "standardwebhooks"
import * as Code from "./Code.js"

const page = await Code.read("../../../docs/webhooks.md")

const files = Object.fromEntries(
  Code.blocksOf(page).flatMap(({ name, text }) => (name === undefined ? [] : [[name, text]])),
)

const freePort = async (): Promise<number> => {
  const server = createServer().listen(0, "127.0.0.1")
  await once(server, "listening")
  const { port } = server.address() as AddressInfo
  server.close()
  return port
}

describe("the receiver of the page about webhooks", () => {
  it("compiles, takes what is signed by its secret once, and refuses anything else", async () => {
    expect(Object.keys(files)).toEqual(["receiver.ts"])
    const folder = await Code.write("webhooks", files)
    expect(await Code.problemsOf([`${folder}receiver.ts`])).toBe("")

    const secret = `whsec_${randomBytes(32).toString("base64")}`
    const port = await freePort()
    const child = spawn(process.execPath, ["--import", "tsx", `${folder}receiver.ts`], {
      env: { ...process.env, PORT: String(port), WEBHOOK_SECRET: secret },
      stdio: ["ignore", "pipe", "inherit"],
    })
    onTestFinished(() => void child.kill("SIGKILL"))
    const lines: Array<string> = []
    createInterface(child.stdout).on("line", (line) => lines.push(line))

    const send = async (id: string, body: string, by = secret): Promise<number> => {
      const now = new Date()
      const headers = {
        "webhook-id": id,
        "webhook-timestamp": String(Math.floor(now.getTime() / 1000)),
        "webhook-signature": new Webhook(by).sign(id, now, body),
      }
      for (;;) {
        // The receiver starts.
        const response = await fetch(`http://127.0.0.1:${port}/hook`, {
          method: "POST",
          headers,
          body,
        }).catch(() => undefined)
        if (response !== undefined) return response.status
      }
    }
    const ended = JSON.stringify({ type: "run.failed", data: { run_id: "one" } })
    const another = `whsec_${randomBytes(32).toString("base64")}`
    expect(await send("msg_1", ended, another)).toBe(401)
    expect(await send("msg_1", ended)).toBe(204)
    expect(await send("msg_1", ended)).toBe(204)
    expect(await send("msg_2", JSON.stringify({ type: "test", data: {} }))).toBe(204)
    await expect.poll(() => lines, { timeout: 60_000 }).toEqual(["run.failed one", "test "])
  })
})
