import { defineConfig } from "vitest/config"

/**
 * The tests of the routes that are answered before the router, once more over the router alone: both ways must give the same
 * answers.
 */
export default defineConfig({
  test: {
    name: "http routed",
    include: [
      "test/authorization.test.ts",
      "test/bodies.test.ts",
      "test/client.test.ts",
      "test/contract.test.ts",
      "test/endpoints.test.ts",
      "test/exchange.test.ts",
      "test/lostAnswers.test.ts",
      "test/memory.test.ts",
      "test/ratelimit.test.ts",
      "test/revocation.test.ts",
      "test/strict.test.ts",
      "test/unknown.test.ts",
    ],
    testTimeout: 120_000,
    provide: { routed: true },
  },
})
