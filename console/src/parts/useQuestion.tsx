import { useState, type ReactNode } from "react";
import { useConsole } from "../frame/context.ts";
import { useLocale } from "../i18n/i18n.tsx";
import { FormModal, type Question } from "./FormModal.tsx";

/** A question a page asks; answered, it says so and `done` shows what has become of it. */
export function useQuestion(done: () => void): {
  ask(title: string, rest: Omit<Question, "title" | "submit"> & { submit?: string }): void;
  modal: ReactNode;
} {
  const { t } = useLocale();
  const { flash } = useConsole();
  const [question, setQuestion] = useState<Question>();
  return {
    ask: (title, rest) =>
      setQuestion({
        title,
        submit: t("action.save"),
        ...rest,
        async run(values, files) {
          await rest.run(values, files);
          flash(title);
          done();
        },
      }),
    modal: question ? <FormModal question={question} onClose={() => setQuestion(undefined)} /> : null,
  };
}
