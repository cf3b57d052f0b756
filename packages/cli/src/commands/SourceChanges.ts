/**
 * Changes of the sources in a folder and below it, without those of dependencies and of hidden folders: to watch these costs more
 * than all the rest.
 */
import { Effect, Stream } from "effect"
import { type FSWatcher, readdirSync, statSync, watch } from "node:fs"
import { join, sep } from "node:path"

const isSource = (name: string): boolean => /\.[cm]?[jt]sx?$|\.json$/.test(name)

const isLeftOut = (name: string): boolean => name === "node_modules" || name.startsWith(".")

/** Watches each folder by itself. A folder that comes later is watched too. */
const watchers = (root: string, changed: (path: string) => void) => {
  const watched = new Map<string, FSWatcher>()
  const remove = (folder: string) => {
    for (const [path, watcher] of watched) {
      if (path !== folder && !path.startsWith(folder + sep)) continue
      watched.delete(path)
      watcher.close()
    }
  }
  const onEvent = (folder: string, name: string | null) => {
    if (name === null || isLeftOut(name)) return
    const path = join(folder, name)
    const found = statSync(path, { throwIfNoEntry: false })
    if (found?.isDirectory() === true) add(path, true)
    else if (isSource(name)) changed(path)
    else if (found === undefined) remove(path)
  }
  /** `isNew`: its sources are changes themselves. */
  const add = (folder: string, isNew: boolean) => {
    if (watched.has(folder)) return
    try {
      const watcher = watch(folder, (_, name) => onEvent(folder, name))
      watched.set(folder, watcher)
      watcher.on("error", () => remove(folder))
      for (const entry of readdirSync(folder, { withFileTypes: true })) {
        if (isLeftOut(entry.name)) continue
        if (entry.isDirectory()) add(join(folder, entry.name), isNew)
        else if (isNew && isSource(entry.name)) changed(join(folder, entry.name))
      }
    } catch {
      // The folder is gone again.
      remove(folder)
    }
  }
  add(root, false)
  return () => remove(root)
}

/** The paths of sources that change, as they change. */
export const below = (root: string): Stream.Stream<string> =>
  Stream.asyncPush<string>((emit) =>
    Effect.acquireRelease(
      Effect.sync(() => watchers(root, (path) => void emit.single(path))),
      (close) => Effect.sync(close),
    ),
  )
