/**
 * One client that follows a view. It has a position and stores nothing: what comes next is in the view's ring, or else in
 * the log, which a separate view reads until the ring has the rest.
 */
import type { EventStream } from "./EventStream.js"
import type { LogView, Viewer, Checkpoint } from "./LogView.js"
import { largeWrite } from "./StreamTurns.js"
import type { Piece } from "./ViewRing.js"

/** `after`: what comes up to here is not sent. `before` is sent first. `onEnd` is called when all has been sent. */
export interface Options {
  readonly stream: EventStream
  readonly after: number
  readonly before: ReadonlyArray<Uint8Array>
  readonly onEnd: () => void
  /** The view that others share, if it is there. */
  readonly sharedView: () => LogView | undefined
  /** Makes a view for one viewer. */
  readonly viewFrom: (from: Checkpoint) => LogView
}

export interface JoinedViewer {
  /** Takes what it can, since the client takes more. */
  readonly take: () => void

  /** Leaves the view that it follows. */
  readonly leave: () => void
}

/** Has a stream follow a view, from `after` on. */
export const join = (
  joined: LogView,
  { onEnd, after, sharedView, stream, viewFrom, ...options }: Options,
): JoinedViewer => {
  let view = joined
  /** A place at or before the position, where a separate view can begin. */
  let checkpoint = view.start
  let position = after
  let before = options.before
  let inTurn = false
  let hasLeft = false

  const follow = (other: LogView): void => {
    view.leave(viewer)
    view = other
    view.join(viewer)
  }

  const takesFrames = (): boolean => stream.isReady() && !inTurn && !hasLeft

  /** What comes next, if it is there. */
  const next = (): Piece | undefined => {
    const [first] = before
    if (first !== undefined) return { bytes: first, end: position }
    return position < view.first() ? undefined : view.after(position)
  }

  const write = ({ bytes, end }: Piece): void => {
    if (before.length > 0) before = before.slice(1)
    position = end
    if (position === view.last()) checkpoint = view.checkpoint()
    if (bytes.length > 0) stream.write(bytes)
  }

  const writeInTurn = (): void => {
    inTurn = true
    stream.takeTurn(() => {
      inTurn = false
      const piece = takesFrames() ? next() : undefined
      if (piece !== undefined) write(piece)
      take()
    })
  }

  /** Another view that has what comes next, if this one has not, or a shared one if this is the viewer's own. */
  const better = (): LogView | undefined => {
    if (position < view.first()) {
      const latest = view.checkpoint()
      return viewFrom(latest.position <= position ? latest : checkpoint)
    }
    if (view.isShared) return undefined
    const shared = sharedView()
    return shared !== undefined && shared.first() <= position && position <= shared.last()
      ? shared
      : undefined
  }

  const take = (): void => {
    while (takesFrames()) {
      const other = before.length > 0 ? undefined : better()
      if (other !== undefined) return follow(other)
      const piece = next()
      if (piece !== undefined) {
        if (piece.bytes.length >= largeWrite) return writeInTurn()
        write(piece)
      } else if (view.hasEnded()) {
        onEnd()
        stream.end()
      } else return view.pull()
    }
  }

  const viewer: Viewer = {
    position: () => position,
    take,
    takesAfter: (last) => position >= last && before.length === 0 && takesFrames(),
    end: stream.end,
  }

  view.join(viewer)
  return {
    take,
    leave: () => {
      hasLeft = true
      view.leave(viewer)
    },
  }
}
