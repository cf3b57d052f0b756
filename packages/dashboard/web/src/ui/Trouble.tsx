/** The notice where something could not be read. */
import { Button } from "./Button"

export const Trouble = ({ error, retry }: { readonly error: Error; readonly retry: () => void }) => (
  <div role="alert" className="flex items-center gap-3 px-4 py-3 text-ink-2">
    <span className="text-failed">{error.message}.</span>
    <Button small onClick={retry}>
      Try again
    </Button>
  </div>
)
