/**
 * One control plane for all tests of a file, with its own project for each test. To open a store takes longer than most tests.
 *
 * The tests of a file share the plane's TestClock, so the time continues from test to test.
 */
import { afterAll } from "@effect/vitest"
import { Access, type ProjectExists } from "@runlease/core/Access"
import { ControlPlane, type StorePorts } from "@runlease/core/ControlPlane"
import type { ControlPlaneError } from "@runlease/core/ControlPlaneError"
import * as Ids from "@runlease/core/Ids"
import { Effect, Layer, ManagedRuntime, TestContext } from "effect"

/**
 * A Layer that builds `shared` once for the file that calls this, and `own` for each test. Both have the shared TestClock.
 *
 * ```ts
 * WorkerSuite.suite("HTTP before memory", SharedPlane.layerWith(serve(MemoryControlPlane.layer), clientOfNewProject))
 * ```
 */
export const layerWith = <S, E, A, E2>(
  shared: Layer.Layer<S, E>,
  own: Layer.Layer<A, E2, S>,
): Layer.Layer<A, E2> => {
  const runtime = ManagedRuntime.make(Layer.provideMerge(shared, TestContext.TestContext))
  afterAll(() => runtime.dispose())
  return Layer.unwrapEffect(
    Effect.promise(async () => {
      // A build that fails is tried again by the next test.
      const { context } = await runtime.runtime()
      const clock = await runtime.runPromise(Effect.clock)
      return own.pipe(Layer.provide(Layer.succeedContext(context)), Layer.provideMerge(Layer.setClock(clock)))
    }),
  )
}

/** A project that no other test has. */
export const newProject = Effect.flatMap(Access, (access) =>
  Effect.flatMap(Ids.uuidV7, (id) => access.createProject(`test-${id}`)),
)

const ownProject: Layer.Layer<StorePorts, ProjectExists | ControlPlaneError, ControlPlane | Access> =
  Layer.effectContext(
    Effect.gen(function* () {
      const controlPlane = yield* ControlPlane
      const { id } = yield* newProject
      return controlPlane.project(id)
    }),
  )

/**
 * The ports of a new project for each test, in one control plane for the file that calls this.
 *
 * ```ts
 * WorkerSuite.suite("SQLite", SharedPlane.layer(store))
 * ```
 */
export const layer = <E>(
  plane: Layer.Layer<ControlPlane | Access, E>,
): Layer.Layer<StorePorts, ProjectExists | ControlPlaneError> => layerWith(plane, ownProject)
