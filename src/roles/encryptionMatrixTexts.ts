/** Names of what the encryption matrix looks at, and of why something is not encrypted: [English, Korean]. Pure data, for the
 * command line and the console. */
export type Bilingual = readonly [en: string, ko: string];

export const matrixKinds = {
  object: ["S3 object", "S3 객체"],
  trailLog: ["CloudTrail log file", "CloudTrail 로그 파일"],
  queue: ["SQS queue", "SQS 대기열"],
  topicMessage: ["SNS message in delivery", "전송 중인 SNS 메시지"],
  logGroup: ["Log group", "로그 그룹"],
  volume: ["EBS volume", "EBS 볼륨"],
  snapshot: ["EBS snapshot", "EBS 스냅샷"],
  keyMaterial: ["KMS key material", "KMS 키 구성 요소"],
  secretAccessKey: ["Secret access key", "비밀 액세스 키"],
  session: ["Session credentials", "세션 자격 증명"],
  certificateKey: ["Private key of a certificate", "인증서의 프라이빗 키"],
  eventHistory: ["Event history", "이벤트 기록"],
  trailPending: ["Records waiting for a log file", "로그 파일을 기다리는 레코드"],
  accessLog: ["Access log lines waiting for a file", "파일을 기다리는 액세스 로그"],
  archivedEvent: ["Archived event", "보관된 이벤트"],
  eventDelivery: ["Event in delivery", "전송 중인 이벤트"],
  guardDutyFinding: ["GuardDuty finding", "GuardDuty 조사 결과"],
  securityHubFinding: ["Security Hub finding", "Security Hub 조사 결과"],
  rds: ["RDS", "RDS"],
  redshift: ["Redshift", "Redshift"],
  efs: ["EFS", "EFS"],
  storageGateway: ["Storage Gateway", "Storage Gateway"],
  secret: ["Secrets Manager", "Secrets Manager"],
  dynamodb: ["DynamoDB", "DynamoDB"],
  keyring: ["Key ring", "키링"],
  tombstone: ["Tombstone key", "키 삭제 표식"],
  developmentKey: ["Key of the development seal", "개발용 봉인의 키"],
  portKey: ["Private key of the API's port", "API 포트의 프라이빗 키"],
  authorityKey: ["Private key of the installation's certificate authority", "설치의 인증 기관 프라이빗 키"],
  administratorKey: ["The first administrator's credentials file", "첫 관리자의 자격 증명 파일"],
  edgeConfiguration: ["Last configuration of the edge", "엣지의 마지막 구성"],
  processLog: ["Log of a process", "프로세스 로그"],
  auditStream: ["Stream of audit records", "감사 레코드 스트림"],
  accessLogStream: ["Stream of access log lines", "액세스 로그 스트림"],
  eventStream: ["Stream of events", "이벤트 스트림"],
  metricStream: ["Stream of metrics", "지표 스트림"],
  configuration: ["Store: settings, and their backup", "저장소: 설정과 그 백업"],
  apiTls: ["The API over TLS", "TLS를 통한 API"],
  apiHttp: ["The API without TLS", "TLS 없는 API"],
  listener: ["Listener of a load balancer", "로드 밸런서 리스너"],
  targetGroup: ["Load balancer to its targets", "로드 밸런서에서 대상까지"],
  subscription: ["SNS to an HTTP endpoint", "SNS에서 HTTP 엔드포인트까지"],
  internalSocket: ["Between the processes", "프로세스 사이"],
  database: ["To the database or the event streams", "데이터베이스 또는 이벤트 스트림까지"],
} as const satisfies Record<string, Bilingual>;

export type MatrixKind = keyof typeof matrixKinds;

export const matrixReasons = {
  noKeyChosen: ["made without a key", "키 없이 만들어짐"],
  readable: ["the bytes can be read", "바이트를 읽을 수 있음"],
  neededBeforeKeys: [
    "needed before the key holder is open; readable by the owner of the data folder only",
    "키 보관 프로세스가 열리기 전에 필요함. 데이터 폴더의 소유자만 읽을 수 있음",
  ],
  configuration: [
    "names, policies, tags; secrets among them are sealed one by one",
    "이름, 정책, 태그. 그 안의 비밀은 하나씩 봉인됨",
  ],
  streamInClear: ["kept in the clear for seven days", "7일 동안 평문으로 보관됨"],
  firstCredentials: [
    "for the owner of the data folder, who should move them away",
    "데이터 폴더의 소유자를 위한 파일. 다른 곳으로 옮겨야 함",
  ],
  developmentSeal: [
    "the key of all keys lies beside them: a seal for trials",
    "모든 키의 키가 그 곁에 있음: 시험용 봉인",
  ],
  processLog: ["text of the processes, no content of accounts", "프로세스가 남긴 글. 계정의 내용은 없음"],
  withoutTls: ["without TLS", "TLS 없음"],
  localSocket: [
    "does not leave this machine; only the owner of the data folder opens it",
    "이 컴퓨터를 벗어나지 않으며 데이터 폴더의 소유자만 열 수 있음",
  ],
  notServed: ["not served here", "여기서 제공하지 않음"],
  unreachable: ["did not answer", "응답하지 않음"],
} as const satisfies Record<string, Bilingual>;

/** Why a cell is as it is, where its proof does not say it. */
export type Why = keyof typeof matrixReasons;
