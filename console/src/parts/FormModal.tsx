/** A question with a few fields, or a confirmation; what goes wrong is said in place. */
import { useState, type FormEvent, type ReactNode } from "react";
import Box from "@cloudscape-design/components/box";
import Button from "@cloudscape-design/components/button";
import Checkbox from "@cloudscape-design/components/checkbox";
import FormField from "@cloudscape-design/components/form-field";
import Input from "@cloudscape-design/components/input";
import Modal from "@cloudscape-design/components/modal";
import Select from "@cloudscape-design/components/select";
import SpaceBetween from "@cloudscape-design/components/space-between";
import Textarea from "@cloudscape-design/components/textarea";
import { useLocale } from "../i18n/i18n.tsx";
import { ErrorAlert } from "./ErrorAlert.tsx";

export interface Field {
  name: string;
  label: string;
  hint?: string;
  kind?: "text" | "password" | "long" | "check" | "choice" | "file";
  choices?: readonly { value: string; label: string }[];
  initial?: string;
  optional?: boolean;
}

export interface Question {
  title: string;
  text?: string;
  /** Before the fields. */
  content?: ReactNode;
  submit: string;
  fields?: readonly Field[];
  /** Must be typed before anything happens. */
  confirmWord?: string;
  run(values: Record<string, string>, files: readonly File[]): Promise<void>;
}

export function FormModal({ question, onClose }: { question: Question; onClose: () => void }) {
  const { t } = useLocale();
  const { fields = [], confirmWord } = question;
  const [values, setValues] = useState<Record<string, string>>(() =>
    Object.fromEntries(fields.map((field) => [field.name, field.initial ?? field.choices?.[0]?.value ?? ""])),
  );
  const [files, setFiles] = useState<readonly File[]>([]);
  const [word, setWord] = useState("");
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<unknown>();
  const complete =
    fields.every((each) => {
      if (each.optional || each.kind === "check") return true;
      return each.kind === "file" ? files.length > 0 : values[each.name] !== "";
    }) &&
    (confirmWord === undefined || word === confirmWord);
  const submit = async (event?: FormEvent) => {
    event?.preventDefault();
    if (!complete || busy) return;
    setBusy(true);
    setError(undefined);
    try {
      await question.run(values, files);
      onClose();
    } catch (problem) {
      setError(problem);
      setBusy(false);
    }
  };
  const set = (name: string, value: string) => setValues((before) => ({ ...before, [name]: value }));
  return (
    <Modal
      visible
      header={question.title}
      closeAriaLabel={t("action.close")}
      onDismiss={onClose}
      footer={
        <Box float="right">
          <SpaceBetween direction="horizontal" size="xs">
            <Button variant="link" onClick={onClose}>
              {t("action.cancel")}
            </Button>
            <Button variant="primary" disabled={!complete} loading={busy} onClick={() => void submit()}>
              {question.submit}
            </Button>
          </SpaceBetween>
        </Box>
      }
    >
      <form onSubmit={(event) => void submit(event)}>
        <SpaceBetween size="m">
          {question.text ? <Box>{question.text}</Box> : null}
          {question.content}
          {fields.map((field) => (
            <FieldInput
              key={field.name}
              field={field}
              value={values[field.name] ?? ""}
              onChange={(value) => set(field.name, value)}
              onFiles={setFiles}
            />
          ))}
          {confirmWord === undefined ? null : (
            <FormField label={t("action.confirm", { word: confirmWord })} description={t("action.irreversible")}>
              <Input value={word} autoComplete={false} onChange={({ detail }) => setWord(detail.value)} />
            </FormField>
          )}
          <ErrorAlert error={error} />
        </SpaceBetween>
        <input type="submit" hidden />
      </form>
    </Modal>
  );
}

interface FieldInputProps {
  field: Field;
  value: string;
  onChange(value: string): void;
  onFiles(files: readonly File[]): void;
}

function FieldInput({ field, value, onChange, onFiles }: FieldInputProps) {
  const { t } = useLocale();
  const { kind = "text", label, hint, choices = [] } = field;
  if (kind === "check") {
    return (
      <Checkbox
        checked={value === "true"}
        description={hint}
        onChange={({ detail }) => onChange(detail.checked ? "true" : "")}
      >
        {label}
      </Checkbox>
    );
  }
  return (
    <FormField
      label={label}
      description={hint}
      constraintText={field.optional ? t("form.optional") : undefined}
      stretch
    >
      {kind === "long" ? (
        <Textarea value={value} rows={10} spellcheck={false} onChange={({ detail }) => onChange(detail.value)} />
      ) : kind === "choice" ? (
        <Select
          selectedOption={choices.find((each) => each.value === value) ?? null}
          options={[...choices]}
          filteringType={choices.length > 10 ? "auto" : "none"}
          onChange={({ detail }) => onChange(detail.selectedOption.value ?? "")}
        />
      ) : kind === "file" ? (
        <input type="file" aria-label={label} multiple onChange={(event) => onFiles([...(event.target.files ?? [])])} />
      ) : (
        <Input
          value={value}
          type={kind === "password" ? "password" : "text"}
          autoComplete={kind === "password" ? "new-password" : false}
          spellcheck={false}
          onChange={({ detail }) => onChange(detail.value)}
        />
      )}
    </FormField>
  );
}
