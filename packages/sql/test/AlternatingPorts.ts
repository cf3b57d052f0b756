import { ControlPlane } from "@runlease/core"
import { Context, Effect, Layer } from "effect"
import { SqlControlPlane } from "../src/index.js"
import * as TempDatabase from "./TempDatabase.js"

/**
 * Calls the methods of one service and of another in turn. Submissions go to the first alone: a control plane may give a run that
 * it gets to a claim that waits there, while an older run of another one is on its way.
 */
const alternate = <A extends object>(one: A, other: A, next: () => boolean): A =>
  new Proxy(one, {
    get: (_, name) => {
      const [first, second] = [Reflect.get(one, name), Reflect.get(other, name)] as ReadonlyArray<unknown>
      if (typeof first !== "function" || typeof second !== "function") return first
      if (name === "submit") return first
      return (...parameters: ReadonlyArray<unknown>) =>
        next() ? first(...parameters) : second(...parameters)
    },
  })

/**
 * The ports of project `default` of two control planes over one database, each request to the other one than the request
 * before: what one of them remembers, the other may have changed.
 */
export const layer = <E>(
  planes: readonly [Layer.Layer<ControlPlane.ProjectPorts, E>, Layer.Layer<ControlPlane.ProjectPorts, E>],
): Layer.Layer<ControlPlane.ProjectPorts, E> =>
  Layer.scopedContext(
    Effect.gen(function* () {
      const one = yield* Layer.build(Layer.fresh(planes[0]))
      const other = yield* Layer.build(Layer.fresh(planes[1]))
      let turn = false
      const next = () => (turn = !turn)
      let ports = one
      for (const [key, service] of one.unsafeMap) {
        const second = other.unsafeMap.get(key) as object
        ports = Context.make(
          Context.GenericTag<never, object>(key),
          alternate(service as object, second, next),
        ).pipe((made) => Context.merge(ports, made)) as typeof ports
      }
      return ports
    }),
  )

/** Two control planes on one new SQLite file. */
export const layerSqlite = Layer.unwrapScoped(
  Effect.map(TempDatabase.filename, (filename) => {
    const plane = SqlControlPlane.layerSqlite({ filename })
    return layer([plane, plane])
  }),
)
