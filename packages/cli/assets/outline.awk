# An agent in POSIX awk: reads the document that the prompt names and tells its outline and figures, as AG-UI
# events, one JSON object a line. OUTLINE_PACE is how long it takes over a heading, in seconds.

function escaped(text) {
  gsub(/\\/, "\\\\", text)
  gsub(/"/, "\\\"", text)
  gsub(/\t/, " ", text)
  gsub(/[\001-\037\177]/, "", text)
  return text
}

function say(event) {
  print "{" event "}"
  fflush()
}

BEGIN {
  document = ENVIRON["RUNLEASE_PROMPT"]
  pace = ENVIRON["OUTLINE_PACE"]
  message = ENVIRON["RUNLEASE_RUN_ID"] "-" ENVIRON["RUNLEASE_ATTEMPT"]

  say("\"type\":\"STEP_STARTED\",\"stepName\":\"outline\"")
  say("\"type\":\"TEXT_MESSAGE_START\",\"messageId\":\"" escaped(message) "\",\"role\":\"assistant\"")

  while ((status = (getline line < document)) > 0) {
    lines++
    words += split(line, unused)
    if (line ~ /^```/) {
      if (!fenced) blocks++
      fenced = !fenced
    } else if (!fenced && line ~ /^##?#?#?#?#? /) {
      headings++
      say("\"type\":\"TEXT_MESSAGE_CONTENT\",\"messageId\":\"" escaped(message) "\",\"delta\":\"" escaped(line) "\\n\"")
      if (pace > 0) system("sleep " (pace + 0))
    }
  }
  if (status < 0) {
    print "cannot read " document > "/dev/stderr"
    exit 1
  }

  say("\"type\":\"TEXT_MESSAGE_END\",\"messageId\":\"" escaped(message) "\"")
  say("\"type\":\"STEP_FINISHED\",\"stepName\":\"outline\"")
  say("\"type\":\"CUSTOM\",\"name\":\"document.figures\",\"value\":{\"lines\":" lines + 0 ",\"words\":" words + 0 ",\"headings\":" headings + 0 ",\"codeBlocks\":" blocks + 0 "}")
}
