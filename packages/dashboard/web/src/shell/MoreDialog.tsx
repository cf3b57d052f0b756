/** What a phone's bar has no room for. */
import { Link } from "@tanstack/react-router"
import { BookOpen, LogOut, Plus } from "lucide-react"
import { useSession } from "../api/session"
import { ModalDialog } from "../ui/ModalDialog"
import { pages } from "./pages"
import { useSignOut } from "./signOut"

const row = "flex min-h-12 w-full items-center gap-3 px-4 text-read font-medium"

const MoreDialog = ({ onClose }: { readonly onClose: () => void }) => {
  const { key, project } = useSession()
  const signOut = useSignOut()
  return (
    <ModalDialog title={project.slug} onClose={onClose}>
      <div className="grid pb-2">
        <Link to="/submit" search={{ agent: undefined }} className={row} onClick={onClose}>
          <Plus aria-hidden size={18} className="text-ink-3" />
          Submit a run
        </Link>
        {pages
          .filter(({ isRare }) => isRare)
          .map(({ Icon, label, to }) => (
            <Link key={to} to={to} className={row} onClick={onClose}>
              <Icon aria-hidden size={18} className="text-ink-3" />
              {label}
            </Link>
          ))}
        <a href="docs" className={row}>
          <BookOpen aria-hidden size={18} className="text-ink-3" />
          Docs
        </a>
        <button
          type="button"
          className={row}
          onClick={() => {
            onClose()
            void signOut()
          }}
        >
          <LogOut aria-hidden size={18} className="text-ink-3" />
          Sign out
          <span className="ml-auto truncate text-small font-normal text-ink-3">Key {key.name}</span>
        </button>
      </div>
    </ModalDialog>
  )
}

export default MoreDialog
