/** What can be done to a conversation: another name, a branch at a message, and its end. */
import { useMutation, useQueryClient } from "@tanstack/react-query"
import type * as Json from "@runlease/http/Json"
import { Link, useNavigate } from "@tanstack/react-router"
import { Pencil, Trash2 } from "lucide-react"
import { useState } from "react"
import { ApiError, send } from "../../api/client"
import { shortId } from "../../format/ids"
import { wholeRun } from "../../shell/links"
import { Button } from "../../ui/Button"
import { ConfirmDialog } from "../../ui/ConfirmDialog"
import { CliMenu } from "../run/actions/CliMenu"
import { linkClass } from "../run/facts/FactList"
import * as Cli from "../run/model/cli"
import { newId } from "./newId"
import { conversationQuery } from "./queries"

interface DialogProps {
  readonly conversation: string
  readonly onClose: () => void
}

const RenameDialog = ({ conversation, name, onClose }: DialogProps & { readonly name: string }) => {
  const client = useQueryClient()
  const [typed, setTyped] = useState(name)
  const rename = useMutation({
    mutationFn: () =>
      send("changeConversation", { path: { conversation }, body: { title: typed.trim() || null } }),
    onSuccess: (changed) => {
      client.setQueryData(conversationQuery(conversation).queryKey, changed)
      onClose()
    },
  })
  return (
    <ConfirmDialog
      title="Rename this conversation"
      confirm="Rename"
      keep="Leave it"
      isOpen
      isBusy={rename.isPending}
      error={rename.error}
      onConfirm={() => rename.mutate()}
      onOpenChange={(isOpen) => (isOpen ? undefined : onClose())}
    >
      <input
        aria-label="Name"
        value={typed}
        maxLength={512}
        placeholder="Without a name it has that of its newest run"
        onChange={({ target }) => setTyped(target.value)}
        onKeyDown={({ key }) => (key === "Enter" && !rename.isPending ? rename.mutate() : undefined)}
        className="h-8 w-full rounded-2 border border-edge bg-surface px-2.5 text-ink placeholder:text-ink-3 max-desk:h-11 max-desk:text-title"
      />
    </ConfirmDialog>
  )
}

const DeleteDialog = ({ conversation, onClose }: DialogProps) => {
  const client = useQueryClient()
  const navigate = useNavigate()
  const remove = useMutation({
    mutationFn: () => send("removeConversation", { path: { conversation } }),
    onSuccess: async () => {
      await navigate({ to: "/conversations", replace: true })
      await client.invalidateQueries({ queryKey: ["conversations"] })
    },
  })
  const { error } = remove
  const needed =
    error instanceof ApiError && error.code === "conversation_in_use" ? (error.runId ?? "") : undefined
  return (
    <ConfirmDialog
      title={needed === undefined ? "Delete this conversation?" : "It is not deleted: a run is still needed"}
      {...(needed === undefined ? { confirm: "Delete the conversation" } : {})}
      keep={needed === undefined ? "Keep it" : "Close"}
      look="danger"
      isOpen
      isBusy={remove.isPending}
      error={needed === undefined ? error : null}
      onConfirm={() => remove.mutate()}
      onOpenChange={(isOpen) => (isOpen ? undefined : onClose())}
    >
      {needed === undefined ? (
        <p>Its messages, its runs and their logs are deleted for good.</p>
      ) : (
        <p>
          <Link to="/runs/$runId" params={{ runId: needed }} search={wholeRun} className={linkClass}>
            Run {shortId(needed)}
          </Link>{" "}
          has not ended, or its parent or a child of it has not. Cancel it, or wait for its end, and then
          delete the conversation.
        </p>
      )}
    </ConfirmDialog>
  )
}

/** Begins another conversation with the messages up to this one. */
export const BranchDialog = ({
  conversation,
  message,
  onClose,
}: DialogProps & { readonly message: string }) => {
  const navigate = useNavigate()
  // The same request again makes no second one.
  const [id] = useState(() => newId(Date.now()))
  const branch = useMutation({
    mutationFn: () =>
      send("branchConversation", { path: { conversation }, body: { message_id: message, id } }),
    onSuccess: () => {
      onClose()
      void navigate({ to: "/conversations/$conversationId", params: { conversationId: id } })
    },
  })
  return (
    <ConfirmDialog
      title="Branch at this message?"
      confirm="Branch"
      keep="Leave it"
      isOpen
      isBusy={branch.isPending}
      error={branch.error}
      onConfirm={() => branch.mutate()}
      onOpenChange={(isOpen) => (isOpen ? undefined : onClose())}
    >
      <p>
        Another conversation begins with copies of the messages up to this one, and without runs. This one
        stays as it is.
      </p>
    </ConfirmDialog>
  )
}

export const ConversationActions = ({
  conversation,
  name,
}: {
  readonly conversation: Json.Conversation
  /** As the page shows it. */
  readonly name: string
}) => {
  const [dialog, setDialog] = useState<"rename" | "delete" | null>(null)
  const { id } = conversation
  const close = () => setDialog(null)
  return (
    <>
      <Button aria-haspopup="dialog" onClick={() => setDialog("rename")}>
        <Pencil aria-hidden size={14} className="text-ink-3 max-desk:hidden" />
        Rename
      </Button>
      <Button look="danger" aria-haspopup="dialog" onClick={() => setDialog("delete")}>
        <Trash2 aria-hidden size={14} className="max-desk:hidden" />
        Delete
      </Button>
      <CliMenu
        label="Commands for this conversation"
        lines={[
          { label: "Show it", command: Cli.conversations("show", id) },
          { label: "Rename it", command: Cli.conversations("rename", id, name) },
          { label: "Branch it at a message", command: Cli.conversations("branch", id, "MESSAGE") },
          { label: "Delete it", command: Cli.conversations("remove", id) },
        ]}
      />
      {dialog === "rename" ? (
        <RenameDialog conversation={id} name={conversation.title ?? ""} onClose={close} />
      ) : null}
      {dialog === "delete" ? <DeleteDialog conversation={id} onClose={close} /> : null}
    </>
  )
}
