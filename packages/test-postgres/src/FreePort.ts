/** A free port of the loopback interface. */
import { Effect } from "effect"
import { type AddressInfo, createServer } from "node:net"

export const freePort: Effect.Effect<number> = Effect.async((resume) => {
  const listening = createServer()
  listening.listen(0, "127.0.0.1", () => {
    const { port } = listening.address() as AddressInfo
    listening.close(() => resume(Effect.succeed(port)))
  })
})
