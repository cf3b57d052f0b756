// Starts programs that stay, and waits for them.
import { spawn } from "node:child_process"
import { once } from "node:events"
import { createServer } from "node:net"
import { setTimeout } from "node:timers/promises"

/** A port of loopback that no program listens on. */
export const freePort = async () => {
  const server = createServer().listen(0, "127.0.0.1")
  await once(server, "listening")
  const { port } = server.address()
  server.close()
  return port
}

/** Waits until `look` gives a value. Fails after two minutes with `what()`. */
export const eventually = async (look, what) => {
  for (const end = Date.now() + 120_000; Date.now() < end; await setTimeout(100)) {
    const found = await look()
    if (found !== undefined) return found
  }
  throw new Error(`not within two minutes: ${what()}`)
}

/** Starts a program, and waits until its output fits. Returns what ends it, with all that it started. */
export const start = async (command, args, options, ready) => {
  const shown = [command, ...args].join(" ")
  const child = spawn(command, args, { ...options, detached: true })
  let output = ""
  for (const stream of [child.stdout, child.stderr]) stream.on("data", (text) => (output += text))
  const ended = once(child, "exit")
  const hasEnded = () => child.exitCode !== null || child.signalCode !== null
  const end = async () => {
    if (!hasEnded()) process.kill(-child.pid, "SIGTERM")
    await ended
  }
  try {
    await eventually(
      () => {
        if (hasEnded()) throw new Error(`${shown} has ended: ${output}`)
        return ready.exec(output) ?? undefined
      },
      () => `${shown} shows ${ready}: ${output}`,
    )
    return end
  } catch (error) {
    await end()
    throw error
  }
}
