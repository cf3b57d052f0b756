import { Effect } from "effect"
import { fileURLToPath } from "node:url"
import { createServer } from "vite"
import { Backend } from "./Backend.js"

/** The page that `npm create runlease` makes, which is a package of its own. */
const page = fileURLToPath(new URL("../../../packages/create/templates/chat/page", import.meta.url))

/**
 * Serves the page, and passes its requests on to the API with a key that the browser never has. Returns the address of the page. Port 0
 * picks a free one.
 */
export const make = Effect.fnUntraced(function* (port: number) {
  const { key, url } = yield* Backend
  const site = yield* Effect.acquireRelease(
    Effect.promise(async () => {
      const server = await createServer({
        configFile: false,
        root: page,
        logLevel: "warn",
        server: {
          host: "127.0.0.1",
          port,
          proxy: { "/chat/": { target: url, headers: { authorization: `Bearer ${key}` } } },
        },
      })
      return server.listen()
    }),
    (server) => Effect.promise(() => server.close()),
  )
  return site.resolvedUrls!.local[0]!
})
