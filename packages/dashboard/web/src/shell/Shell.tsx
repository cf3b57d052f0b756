/** The frame of every page: the sidebar, or a bar at the bottom of a phone. */
import { Outlet } from "@tanstack/react-router"
import { lazy, Suspense } from "react"
import { BottomBar } from "./BottomBar"
import { openShellDialog, useShellDialog } from "./dialogs"
import { LostStream } from "./LostStream"
import { useShellKeys } from "./ShellKeys"
import { Sidebar } from "./Sidebar"
import { useSessionEnd } from "./signOut"

const dialogs = {
  palette: lazy(() => import("./Palette")),
  keys: lazy(() => import("./KeysDialog")),
  more: lazy(() => import("./MoreDialog")),
}

const Dialogs = () => {
  const open = useShellDialog()
  if (open === undefined) return null
  const Shown = dialogs[open]
  return (
    <Suspense fallback={null}>
      <Shown onClose={() => openShellDialog(undefined)} />
    </Suspense>
  )
}

export const Shell = () => {
  useShellKeys()
  useSessionEnd()
  return (
    <div className="flex min-h-screen">
      <Sidebar />
      <div className="min-w-0 grow max-desk:pb-16">
        <Outlet />
      </div>
      <BottomBar />
      <LostStream />
      <Dialogs />
    </div>
  )
}
