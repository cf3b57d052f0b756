import { defineConfig } from "vitest/config"

/** The same tests over the router alone: both ways must give the same answers. */
export default defineConfig({
  test: {
    name: "http routed",
    include: ["test/**/*.test.ts"],
    // These need no server, or compare both ways themselves.
    exclude: [
      "test/AgUiView.test.ts",
      "test/claimedRun.test.ts",
      "test/hotRoutes.test.ts",
      "test/openapi.test.ts",
    ],
    testTimeout: 120_000,
    provide: { routed: true },
  },
})
