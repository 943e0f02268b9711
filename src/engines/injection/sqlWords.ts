/**
 * The words of SQL, over the dialects of MySQL, PostgreSQL, SQL Server, Oracle and SQLite, as far as injected text
 * uses them. Written from the databases' manuals.
 */
export type WordClass =
  | "logic"
  | "compare"
  | "operator"
  | "constant"
  | "union"
  | "select"
  | "verb"
  | "object"
  | "clause"
  | "function"
  /** A function or procedure that attackers use, and applications hardly take as input. */
  | "danger"
  | "catalog"
  | "name";

const words: Readonly<Record<Exclude<WordClass, "name">, string>> = {
  logic: "or and xor",
  compare: "like ilike rlike regexp glob is in between similar sounds",
  operator: "not div mod binary collate any all some",
  constant: "null true false unknown current_user current_date current_timestamp system_user session_user",
  union: "union intersect except minus",
  select: "select",
  verb: "insert update delete drop create alter truncate exec execute declare shutdown waitfor merge grant revoke replace load copy call attach backup restore rename lock handler begin set do",
  object:
    "table database schema view index function procedure trigger user login role sequence tablespace type column extension",
  clause:
    "from where group order having limit offset fetch into values by join inner outer left right cross on as when then else end case distinct top with using for procedure returning escape",
  function:
    "ascii ord char chr nchar concat concat_ws group_concat string_agg xmlagg wm_concat listagg substring substr mid left right length len char_length bit_length lower upper lcase ucase hex unhex bin conv md5 sha1 sha2 crc32 rand random round floor count sum max min avg cast convert coalesce ifnull isnull nvl nullif if iif elt field make_set find_in_set locate instr position replace reverse repeat space version database schema user current_user session_user system_user connection_id last_insert_id row_count found_rows quote to_char to_number rawtohex utl_raw json_keys json_extract json_extract_path exp pow power sqrt abs sign polygon multipoint multilinestring linestring geometrycollection st_latfromgeohash name_const unistr quotename stuff patindex charindex suser_name suser_sname db_name host_name object_id object_name col_name has_dbaccess is_srvrolemember typeof sqlite_version changes printf zeroblob date now year month day compress",
  danger:
    "sleep benchmark pg_sleep get_lock release_lock load_file extractvalue updatexml xp_cmdshell xp_dirtree xp_regread xp_fileexist xp_subdirs sp_executesql sp_oacreate sp_password sp_configure sp_makewebtask openrowset opendatasource openquery randomblob load_extension dbms_pipe dbms_lock dbms_xslprocessor dbms_java dbms_ldap utl_http utl_inaddr utl_file httpuritype ctxsys ordsys xmltype query_to_xml database_to_xml lo_import lo_export pg_read_file pg_ls_dir sys_eval sys_exec row_to_json gtid_subset gtid_subtract randomblob",
  catalog:
    "information_schema sysobjects syscolumns sysusers sysdatabases sqlite_master sqlite_schema pg_catalog pg_user pg_shadow pg_database pg_tables pg_class all_tables all_users user_tables all_tab_columns user_tab_columns v$version dba_users msysobjects mysql.user dual",
};

const classes = new Map<string, WordClass>();
// The first class that names a word has it: `left` is a clause and a function.
for (const [name, list] of Object.entries(words)) {
  for (const word of list.split(" ")) if (!classes.has(word)) classes.set(word, name as WordClass);
}
export const wordClass = (word: string): WordClass => classes.get(word) ?? "name";

/** Words that are functions where a parenthesis follows, whatever else they are: `user()`, `left(…)`. */
export const functionNames: ReadonlySet<string> = new Set(
  `${words.function} ${words.danger} exists left right replace insert load_file current_user session_user system_user case`.split(
    " ",
  ),
);
