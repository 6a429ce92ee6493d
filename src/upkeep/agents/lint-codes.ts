/** Everything that `wo agent lint` can say of a property list, and how bad each is. */

/** error: launchd refuses it, or it does not run as it is meant. warning: it runs, for now. unknown: nobody could look. */
export type LintMark = "error" | "warning" | "unknown";

export const LINT_CODES = {
  // The file.
  absent: "error",
  empty_file: "error",
  folder: "error",
  special_file: "error",
  symlink: "error",
  too_large: "error",
  unreadable: "unknown",
  writable_by_others: "error",
  // Its text.
  bad_number: "error",
  binary_plist: "error",
  broken_xml: "error",
  duplicate_key: "error",
  no_xml_line: "error",
  not_text: "error",
  not_xml: "error",
  old_style_plist: "error",
  raw_ampersand: "error",
  shell_script: "error",
  // Its keys.
  disabled: "warning",
  label_differs: "warning",
  label_missing: "error",
  label_twice: "error",
  no_job: "error",
  not_a_dictionary: "error",
  obsolete_key: "warning",
  unknown_key: "warning",
  wrong_type: "error",
  // When it runs.
  abandons_group: "warning",
  crashed_false: "error",
  exit_timeout_missing: "warning",
  exit_timeout_short: "error",
  interval_and_keepalive: "error",
  keepalive_without_throttle: "warning",
  pressured_exit: "error",
  restarts_on_success: "error",
  throttle_short: "warning",
  transactions: "error",
  // What it runs.
  command_missing: "error",
  env_without_path: "error",
  homebrew_elsewhere: "error",
  interpreter_missing: "error",
  login_shell: "warning",
  no_program: "error",
  node_in_cellar: "warning",
  node_of_version_manager: "warning",
  not_executable: "error",
  not_followed: "unknown",
  one_string: "error",
  program_missing: "error",
  relative_program: "error",
  script_broken: "error",
  script_missing: "error",
  // Where.
  cannot_look: "unknown",
  folder_missing: "error",
  glob: "error",
  log_folder_missing: "warning",
  log_in_tmp: "warning",
  log_large: "warning",
  log_unwritable: "error",
  not_expanded: "error",
  other_machine: "unknown",
  protected_place: "error",
  relative_path: "error",
  // Its surroundings.
  no_path: "warning",
  proxy_frozen: "warning",
  secret: "error",
  secret_readable: "error",
} as const satisfies Readonly<Record<string, LintMark>>;

export type LintCode = keyof typeof LINT_CODES;
