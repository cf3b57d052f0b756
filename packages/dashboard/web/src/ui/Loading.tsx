/** Rows that are still to come, shown only when they take their time. */
import { useEffect, useState } from "react"

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
