/** A question with two answers. */
export const Approval = ({
  call,
  onAnswer,
  question,
}: {
  question: string
  call: string
  onAnswer: (approved: boolean) => void
}) => (
  <div className="approval" role="group" aria-label={question}>
    <p>{question}</p>
    <code>{call}</code>
    <button onClick={() => onAnswer(true)}>Approve</button>
    <button className="quiet" onClick={() => onAnswer(false)}>
      Decline
    </button>
  </div>
)
