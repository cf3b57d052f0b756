// What programs that stay are waited for by.
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
