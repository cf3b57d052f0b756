/** The place of what is not read: rows that are still to come, or why it could not be read. */
import { useEffect, useState } from "react"
import { Button } from "./Button"

export const Skeleton = ({ height = 36, rows }: { readonly rows: number; readonly height?: number }) => {
  const [shown, setShown] = useState(false)
  useEffect(() => {
    const timer = setTimeout(() => setShown(true), 300)
    return () => clearTimeout(timer)
  }, [])
  return (
    <div role="status" aria-label="Loading" className="px-4">
      {Array.from({ length: rows }, (_, row) => (
        <div key={row} className="flex items-center border-t border-line" style={{ height }}>
          {shown ? (
            <div className="h-2.5 rounded-1 bg-line" style={{ width: `${70 - ((row * 17) % 40)}%` }} />
          ) : null}
        </div>
      ))}
    </div>
  )
}

/** The notice where something could not be read. */
export const Trouble = ({ error, retry }: { readonly error: Error; readonly retry: () => void }) => (
  <div role="alert" className="flex items-center gap-3 px-4 py-3 text-ink-2">
    <span className="text-failed">{error.message}.</span>
    <Button small onClick={retry}>
      Try again
    </Button>
  </div>
)

/** Where a query has no data yet. */
export const Unread = ({
  query: { error, refetch },
  ...rows
}: {
  readonly query: { readonly error: Error | null; readonly refetch: () => unknown }
  readonly rows: number
  readonly height?: number
}) => (error === null ? <Skeleton {...rows} /> : <Trouble error={error} retry={() => void refetch()} />)
