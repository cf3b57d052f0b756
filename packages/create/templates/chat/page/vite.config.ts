import { readFileSync } from "node:fs"
import { defineConfig } from "vite"

/**
 * Passes the requests of the page on to `npm run dev`, with a key that no browser has. In production your backend does this, after it has
 * checked the user.
 */
export default defineConfig({
  server: {
    host: "127.0.0.1",
    proxy: {
      "/chat/": {
        target: process.env["RUNLEASE_URL"] ?? "http://127.0.0.1:4400",
        configure: (proxy) =>
          proxy.on("proxyReq", (request) => {
            const key = process.env["RUNLEASE_API_KEY"] ?? readFileSync(".runlease/dev.key", "utf8").trim()
            request.setHeader("authorization", `Bearer ${key}`)
          }),
      },
    },
  },
})
