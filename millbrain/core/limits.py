"""Every bound of the platform in one place, with its unit in its name and its reason beside it.

Code never compares against a bare number that an operator might ask about; it names one of these.
Settings may lower some of them; nothing raises them at run time.
"""

from typing import Final

# Wire -------------------------------------------------------------------------------------------
FRAME_UNIT_BYTES_MAX: Final = 65_531  # GB/T 32960.3 table 2: data unit length 0..65531
LINKS_MAX: Final = 20_000  # open sockets on one port; the next one is closed at once and counted
LINK_BUFFER_BYTES_MAX: Final = 4 << 20  # unread bytes of one link before its reading pauses
CHUNK_QUEUE_BYTES_MAX: Final = 8 << 20  # bytes waiting for decode over all links, then all pause
LINK_IDLE_S_MAX: Final = 600  # a link without a byte for so long is closed and noted
LINK_WRITE_BYTES_MAX: Final = 256 << 10  # answers that a slow reader has not taken; then it is cut
ANSWER_WAIT_S_MAX: Final = 60  # a command that a vehicle has not answered by then has failed

# OPC UA -----------------------------------------------------------------------------------------
OPCUA_ITEMS_MAX: Final = 1_000_000  # values of one notification; a server cuts them far earlier
OPCUA_MESSAGE_BYTES_MAX: Final = 64 << 20  # of one answer of a server
OPCUA_CONNECTIONS_MAX: Final = 2_000  # servers of one engine: each a socket and about 300 KB
OPCUA_TAGS_MAX: Final = 200_000  # tags of one connection
OPCUA_PUBLISHING_MS_MIN: Final = 10  # faster, a server spends its time on headers
OPCUA_QUEUE_MAX: Final = 100_000  # values of a tag that a server is asked to keep
OPCUA_ITEMS_PER_CALL_MAX: Final = 10_000  # tags subscribed in one request
OPCUA_PUBLISHES_OPEN: Final = 3  # publish requests that wait at a server
OPCUA_BYTES_WAITING_MAX: Final = 16 << 20  # notifications not yet handed on; then no more is asked
OPCUA_REQUEST_S_MAX: Final = 10  # an answer that has not come by then does not come
OPCUA_RETRY_S_MAX: Final = 30  # longest pause between two tries to connect
OPCUA_BROWSE_MAX: Final = 20_000  # nodes of one level that browsing returns
OPCUA_HISTORY_VALUES_MAX: Final = 1_000_000  # values of one history request, in pages
OPCUA_CLOCK_S_MAX: Final = 60  # a server's clock further from ours is named

# MQTT and Sparkplug B ---------------------------------------------------------------------------
MQTT_UNACKED_MAX: Final = 4_000  # messages a broker sends ahead of our acknowledgements (MQTT 5)
MQTT_QUEUED_MAX: Final = 4_000  # messages between broker and decode; then nothing is read
MQTT_QUEUED_BYTES_MAX: Final = 16 << 20  # and their bytes
MQTT_PACKET_BYTES_MAX: Final = 64 << 20  # of one message; a broker keeps a longer one to itself
SPARKPLUG_REORDER_MS: Final = 5_000  # how long an early message waits for those before it
SPARKPLUG_BIRTH_MS: Final = 30_000  # how long data wait for the birth that explains them
SPARKPLUG_HELD_MAX: Final = 500  # messages of one node that wait for one ...
SPARKPLUG_HELD_BYTES_MAX: Final = 8 << 20  # ... and their bytes
SPARKPLUG_ASK_MS_MIN: Final = 10_000  # pause between two requests for a rebirth of a node ...
SPARKPLUG_ASK_MS_MAX: Final = 60_000  # ... twice as long each time, at most so long
SPARKPLUG_ASKS_HZ_MAX: Final = 20  # such requests a second, over all nodes of a connection
SPARKPLUG_WRITE_S_MAX: Final = 10  # a written value that no message has confirmed by then

# Push over HTTP ---------------------------------------------------------------------------------
PUSH_BYTES_MAX: Final = 16 << 20  # body of one push
PUSH_BYTES_OPEN_MAX: Final = 128 << 20  # bodies of all pushes that are not answered yet
PUSH_ROWS_MAX: Final = 100_000  # readings of one push: half a second of a full house
PUSH_HZ_MAX: Final = 1_000_000  # readings a second of one connection, unless its options say less
PUSH_BODY_S_MAX: Final = 30  # a body that is not there by then is given up
PUSH_WAIT_S_MAX: Final = 10  # ... and so is a push that the intake has not taken by then (503)
PUSH_IDLE_S_MAX: Final = 120  # a connection without a byte for so long is closed
PUSH_REASONS_MAX: Final = 100  # refused rows that an answer names; the others are counted
PUSH_SERIES_MAX: Final = 100_000  # series of one connection that are noted among its tags
PUSH_NOISE_HZ_MAX: Final = 20  # senseless requests a second that are kept as dead letters

# Edge -------------------------------------------------------------------------------------------
EDGE_BLOCK_ROWS: Final = 100_000  # rows of a joined block of the buffer: one push
EDGE_SMALL_BLOCKS_MAX: Final = 2_000  # small blocks that wait to be joined, however few their rows
EDGE_LETTERS_MAX: Final = 10_000  # refusals that an edge keeps; older ones are only counted
EDGE_RULES_MAX: Final = 500  # rules and models of one edge
EDGE_WINDOW_MAX: Final = 10_000  # values of one signal that a model sees
EDGE_EXPRESSION_MAX: Final = 500  # characters of an expression of a rule
EDGE_ACTION_AGE_S_MAX: Final = 30  # a rule that came true longer ago orders no write any more

# Intake -----------------------------------------------------------------------------------------
COMMIT_ROWS_MAX: Final = 20_000  # rows in one commit ...
COMMIT_WAIT_MS_MAX: Final = 250  # ... or the age of its oldest row, whichever comes first
DELIVERIES_QUEUED_MAX: Final = 64  # batches between decode and commit; a full queue slows the wire
COMMIT_BYTES_MAX: Final = 64 << 20  # raw bytes in one commit, for dead letters of 64 KB each
DELIVERY_ROWS_QUEUED_MAX: Final = 20_000  # rows between decode and commit: one commit ahead
DELIVERY_BYTES_QUEUED_MAX: Final = 256 << 20  # and their bytes
COMMITS_IN_FLIGHT_MAX: Final = 3  # batches handed to the two writers and not yet on disk
COMMITS_APART_MAX: Final = 32  # how far a batch may overtake an older one that is being retried
COMMIT_READINGS_MAX: Final = 80_000  # the same of plant readings: a fifth of a report's bytes each
THINGS_MAX: Final = 4_000_000  # vehicles with live state in one engine (about 130 B each)
SERIES_MAX: Final = 1_000_000  # signals of things with live state in one engine (about 250 B each)
READING_NAME_BYTES_MAX: Final = 128  # name of a thing or a signal as UTF-8
READING_TEXT_BYTES_MAX: Final = 1_024  # value of a signal that is a text
READING_AHEAD_MS_MAX: Final = 86_400_000  # a device time farther in our future is refused
READING_AT_MS_MIN: Final = 978_307_200_000  # 2001-01-01: a clock that shows less was never set
DEAD_LETTER_BYTES_MAX: Final = 65_556  # raw bytes kept of one dead letter: a whole frame
RAW_FRAMES_HZ_MAX: Final = 2_000  # raw frames kept a second; beyond, the skipped ones are counted
SPLIT_PACK_WAIT_S_MAX: Final = 5  # how long half of a split 2016 pack waits for its other half
SPLIT_PACKS_MAX: Final = 50_000  # halves waiting at once; the oldest is stored as it is

# Plant ------------------------------------------------------------------------------------------
PLANT_SPAN_MS_MAX: Final = 400 * 86_400_000  # one question about working time: a year and a bit

# Identifiers ------------------------------------------------------------------------------------
IDENTIFIER_BYTES_MAX: Final = 2_048  # an identifier as UTF-8; the reference library's own bound
IDENTIFIER_BATCH_MAX: Final = 200_000  # records of one durable batch; a bigger load goes in parts
IDENTIFIER_BATCH_BYTES_MAX: Final = 64 << 20  # and their bytes: one write buffer of the store
IDENTIFIER_PAGE_MAX: Final = 10_000  # records of one page of a scan
IDENTIFIER_VALUE_BYTES_MAX: Final = 200_000  # data of all values: one message must hold them
READY_ANSWERS_MAX: Final = 65_536  # answers that a face keeps ready for those who ask again ...
READY_BYTES_MAX: Final = 2_048  # ... and bytes of one with its question; a longer one is made anew
REGISTRY_GROUP_MAX: Final = 512  # changes of one commit of the registry
REGISTRY_QUEUE_MAX: Final = 4_096  # changes that wait; the next one slows its sender
GRANT_FIELDS_MAX: Final = 500  # fields that one grant names: a whole template
ACCESS_READERS_MAX: Final = 20_000  # readers of all values that one explanation lists, about 3 MB
GRANTS_MAX: Final = 200  # grants of one record; each is looked at for whoever reads a hidden value
RANGES_MAX: Final = 1_000_000  # ranges of one node, held in memory: about 1 KB each
RANGE_DIGITS_MAX: Final = 18  # digits of a serial of a range: a number of 64 bits holds them
RANGE_PATTERN_MAX: Final = 200  # characters of a pattern of serials
TALLY_CELLS_MAX: Final = 16_384  # prefixes and answer codes that are counted apart
TALLY_SAMPLES_MAX: Final = 100  # samples of the log that wait to be kept, and of one report
LOG_KEPT_MAX: Final = 1_000_000  # samples of the log that are kept, about 100 B each
REPORT_ROWS_MAX: Final = 20_000  # counts of one report
REPORTS_SENT_MAX: Final = 20  # reports of one request to the node above
REPORTS_KEPT_MAX: Final = 50_000  # reports that are kept to be sent again: a month of minutes
REPORT_BODY_BYTES_MAX: Final = 16 << 20  # body of such a request
REPORT_GAP_MAX: Final = 10_000  # numbers that may lie beyond a missing one
RECEIPTS_MAX: Final = 20_000  # idempotency keys that are remembered, some 100 B each ...
RECEIPT_S_MAX: Final = 24 * 3600  # ... and for how long
UPKEEP_PROBLEMS_MAX: Final = 10_000  # problems of one check that are named; the others are counted
TEMPLATE_FIELDS_MAX: Final = 500  # fields of a metadata template
TEMPLATE_CHOICES_MAX: Final = 1_000  # words of one code list; a longer one is a list of records
TEMPLATE_TEXT_MAX: Final = 1_000  # characters of a title or a remark of a template
TEMPLATE_VALUE_BYTES_MAX: Final = 65_536  # the longest value that a template may allow
EVENTS_MAX: Final = 1_000  # events of one capture (GS1-EPCIS-Capture-Limit) ...
EVENT_THINGS_MAX: Final = 10_000  # ... and things of all of them: one batch of the store
EVENTS_EXAMINED_MAX: Final = 20_000  # events looked at for one page of an answer
TRACE_LEVELS_MAX: Final = 32  # levels of one trace or recall
TRACE_THINGS_MAX: Final = 100_000  # things of one: about a second and 100 MB
TRACE_LINKS_MAX: Final = 100_000  # events of one thing that a trace follows, the newest
RECALL_EVENTS_MAX: Final = 20_000  # events of a station in a span of time that a recall begins with
PLACE_EVENTS_MAX: Final = 20  # newest events in which a thing's place is looked for
HANDLE_MESSAGE_BYTES_MAX: Final = 262_144  # a Handle message (RFC 3652 2.2.1, reference library)
HANDLE_VALUES_MAX: Final = 2_048  # values of one message; the reference library refuses more
HANDLE_ITEMS_MAX: Final = 65_536  # any other list: the most 4-byte items that a message can hold
HANDLE_BATCH_MAX: Final = 256  # datagrams that are read before the first of them is answered
HANDLE_LINKS_MAX: Final = 20_000  # open TCP connections; the next one is closed at once
HANDLE_UNREAD_BYTES_MAX: Final = 64 << 20  # begun messages of all connections together ...
HANDLE_UNSENT_BYTES_MAX: Final = 64 << 20  # ... and answers nobody takes; the oldest is cut off
HANDLE_IDLE_S_MAX: Final = 600  # a connection without a message for so long is closed
HANDLE_CHALLENGES_MAX: Final = 10_000  # challenges that wait for their answer ...
HANDLE_CHALLENGES_BYTES_MAX: Final = 16 << 20  # ... with the requests that they are about ...
HANDLE_CHALLENGE_S_MAX: Final = 60  # ... and for how long
HANDLE_SESSIONS_MAX: Final = 10_000  # open sessions, about 1 KB each ...
HANDLE_SESSIONS_PER_ADDRESS_MAX: Final = 256  # ... and of one address; the next one is told "busy"
HANDLE_SESSION_S_MAX: Final = 86_400  # a session without a message ends, whatever its client asked
HANDLE_HTTP_SESSION_S_MAX: Final = 1_800  # the same of a session of the HTTP JSON API
HANDLE_UNPROVED_S_MAX: Final = 300  # the same while nobody has proved an identity within it
HANDLE_LOGIN_S_MAX: Final = 86_400  # a log-in to a connection holds for so long (operation 2001)
HANDLE_TOKEN_S_MAX: Final = 300  # an identity token behind a resolve request, from its making
HANDLE_SUMS_HZ_MAX: Final = 300  # signatures and key exchanges a second: about a fifth of a core
TRUST_TOKEN_BYTES_MAX: Final = 262_144  # a signature or certificate: no message holds a longer one
TRUST_CHAIN_MAX: Final = 12  # certificates from a signature to its root; three or four are usual
TRUST_SIGNATURES_MAX: Final = 8  # signatures of one record that are looked at
TRUST_HZ_MAX: Final = 100  # records judged a second by one face: 100 to 300 ms of a core with RSA
HANDLE_LIST_MAX: Final = 5_000  # handles of one answer to a list request
HANDLE_KEY_ROUNDS_MAX: Final = 100_000  # PBKDF2 rounds that a client may ask of us: about 50 ms
HANDLE_PIECES_BYTES_MAX: Final = 16 << 20  # datagrams that wait for the rest of their message ...
HANDLE_PIECES_S_MAX: Final = 5  # ... and for how long; a peer that lost one asks again
PREFIX_TEXT_MAX: Final = 1_000  # characters of an organisation, a contact, a reason
TAKEDOWNS_MAX: Final = 100_000  # identifiers and prefixes taken down, held in memory
REFERRALS_MAX: Final = 8  # nodes that one resolution is sent to, one behind the other
RECURSIONS_MAX: Final = 8  # recursive nodes that hand one request on; the next one refuses
RECURSIONS_OPEN_MAX: Final = 4_096  # resolutions that wait for other nodes; beyond, "busy"
UPSTREAMS_MAX: Final = 1_024  # other nodes whose connections and failures are remembered
UPSTREAM_LINKS_MAX: Final = 32  # connections to one other node; a slow one holds no more
UPSTREAM_FAILURES_MAX: Final = 5  # failures in a row after which a node is left alone ...
UPSTREAM_PAUSE_S_MAX: Final = 60  # ... for a second, then twice as long, at most so long
CACHE_ENTRY_S_MAX: Final = 2 * 86_400  # a longer time to live is not believed (reference library)
TAGGED_EXAMINED_MAX: Final = 20_000  # records looked at for one page of those that share tags
AAS_ITEMS_MAX: Final = 10_000  # items of all lists of one descriptor
AAS_BULK_MAX: Final = 1_000  # descriptors of one bulk request, one commit ...
AAS_BULKS_KEPT_MAX: Final = 10_000  # ... and results of such that are remembered
LABELS_MAX: Final = 2_000  # labels of one print: some seconds of one core
LABEL_TEXT_MAX: Final = 400  # characters of one text of a label or of its template
LABEL_LINES_MAX: Final = 12  # lines of text of one label
ALLOTMENT_SERIALS_MAX: Final = 5_000  # serials that a line takes at once: their log fits a record
ALLOTMENT_REPORTS_MAX: Final = 400  # reports of one allotment
LABEL_PRINTS_WAITING_MAX: Final = 8  # prints that wait for the one in the making; then "busy"
LABEL_PRINTER_IDLE_S_MAX: Final = 600  # the printing process (100 MB) ends without work for so long
LABEL_PRINT_S_MAX: Final = 120  # a print that takes longer is given up

# Batteries --------------------------------------------------------------------------------------
BATTERY_CELLS_MAX: Final = 84_000_000  # cells of packs and days in memory: 800,000 packs, 3 GB
ANALYSIS_ROWS_QUEUED_MAX: Final = 500_000  # rows an app has not seen; beyond, they are read back
PACK_CELLS_MAX: Final = 2_048  # cells of one pack; a frame that tells more is left out and counted

# Queries ----------------------------------------------------------------------------------------
QUERY_S_MAX: Final = 30  # a query that runs longer is cut off
QUERY_MEMORY_BYTES_MAX: Final = 1 << 30  # memory of one query
QUERY_RESULT_BYTES_MAX: Final = 256 << 20  # size of one answer
QUERY_TEXT_BYTES_MAX: Final = 1 << 20  # length of a query's text
QUERIES_AT_ONCE_MAX: Final = 8  # readers; the next one waits
QUERY_WAIT_S_MAX: Final = 10  # ... so long, then it is refused with 503
QUERY_THREADS_MAX: Final = 2  # of one reader, so that ingest keeps a share of a small machine
QUERY_RANGE_ITEMS_MAX: Final = 20_000_000  # one array; a bigger one is a step no limit can cut
INSERT_BYTES_MAX: Final = 512 << 20  # body of one INSERT over HTTP by the platform itself
LOGIN_KEPT_S_MAX: Final = 30  # a password that was right is not hashed again for so long
LOGINS_KEPT_MAX: Final = 1_000  # ... and of so many accounts
TEXTS_KEPT_MAX: Final = 512  # statements of which the engine's own form is remembered
TEXT_KEPT_CHARS_MAX: Final = 1 << 15  # ... none longer than this

# Recorded tables --------------------------------------------------------------------------------
TABLE_ROWS_MAX: Final = 2_000_000  # rows held of one file: 1 GB of 120 columns, twice while read
TABLE_COLUMNS_MAX: Final = 2_000  # columns of one file

# Alarms -----------------------------------------------------------------------------------------
SHELVE_S_MAX: Final = 7 * 86_400  # longest shelf; what is away for longer is out of service
ALARM_DELAY_S_MAX: Final = 86_400  # longest on-delay and off-delay
ALARMS_ACTED_MAX: Final = 1_000  # alarms of one bulk action
REMARK_CHARACTERS_MAX: Final = 1_000  # a comment or a reason
CLOCK_AHEAD_S_MAX: Final = 300  # a device time further in our future does not order evidence

# Tags -------------------------------------------------------------------------------------------
BROWSE_NODES_MAX: Final = 20_000  # nodes of one browse; a larger tree is walked in parts
TAGS_AT_ONCE_MAX: Final = 10_000  # tags of one bulk change: one transaction of a second
FOUND_TAGS_MAX: Final = 200_000  # tags of a book in memory, beyond which none is found
CONNECTIONS_MAX: Final = 2_000  # connections of one installation; a page lists them all

# Files in folders -------------------------------------------------------------------------------
FILE_BYTES_MAX: Final = 512 << 20  # one file of a watched folder; a larger one is to be parted
FILE_UNPACKED_BYTES_MAX: Final = 1 << 30  # of an XLSX, which is a ZIP
FILE_FAULTS_MAX: Final = 10_000  # refused cells of one file that are named; more are counted
FILE_READINGS_MAX: Final = 20_000  # readings of one delivery
FILES_WAITING_MAX: Final = 10_000  # files of one folder that are looked at, the oldest first
FILE_RECEIPTS_MAX: Final = 200_000  # files of one connection that are remembered, 150 B each

# Web --------------------------------------------------------------------------------------------
PAGE_ROWS_MAX: Final = 500  # rows of one page of a table
EXPORT_ROWS_MAX: Final = 1_000_000  # rows of one export (a worksheet holds 1,048,576)
TREND_POINTS_MAX: Final = 2_000  # points of one curve; more are reduced on the server
UPLOAD_BYTES_MAX: Final = 16 << 20  # body of one request
LOGIN_TRIES_MAX: Final = 10  # failed logins of one account or address in LOGIN_WINDOW_S
LOGIN_WINDOW_S: Final = 300  # ... then logins wait until the window has passed
SESSION_S_MAX: Final = 12 * 3600  # a login lasts one long shift

# Records ----------------------------------------------------------------------------------------
RECORD_ROWS_MAX: Final = 20_000  # entries of one import of inspections or life events
CURVE_POINTS_MAX: Final = 20_000  # points of a bench's curve: 5.5 h at one a second
CURVE_BYTES_MAX: Final = 1 << 20  # ... and its bytes in the ledger, packed
REPLAY_S_MAX: Final = 3_600  # how far a replay reaches before and after its instant
REPLAY_REPORTS_MAX: Final = 20_000  # reports of one replay

# Scans ------------------------------------------------------------------------------------------
CONTROLLER_WAIT_S_MAX: Final = 2.0  # a controller that has not answered by then was not reached
CONTROLLER_LINE_BYTES_MAX: Final = 256 << 10  # one answer of a controller
COMMAND_S_MAX: Final = 10  # a command that was not written by then is not written any more
RECIPE_SETTINGS_MAX: Final = 200  # parameters of one recipe
RECIPES_MAX: Final = 5_000  # recipes of one import

# Limits of signals ------------------------------------------------------------------------------
SIGNAL_LIMITS_MAX: Final = 100_000  # signals with limits; each costs 25 B of state
LIMIT_ROWS_QUEUED_MAX: Final = 1_000_000  # readings that wait to be judged; then from the store

# Production -------------------------------------------------------------------------------------
PAY_ROWS_MAX: Final = 10_000  # rows of one table of one request
B2MML_BYTES_MAX: Final = 16 << 20  # one B2MML document: some thousand orders
ORDER_PIECES_MAX: Final = 10_000_000  # pieces of one production order
ORDER_OPERATIONS_MAX: Final = 200  # operations of one order
REPORTS_BATCH_MAX: Final = 1_000  # reports of one batch of a job card: a week off line
REPORTS_OPERATION_MAX: Final = 20_000  # reports of one operation; all are folded at each batch
REPORT_PIECES_MAX: Final = 1_000_000  # pieces of one report
REPORT_LOTS_MAX: Final = 200  # lots and serials of one report
REPORT_AGE_DAYS_MAX: Final = 60  # a device that was off line longer has a wrong clock
ANDON_OPEN_MAX: Final = 1_000  # open calls; beyond, somebody plays with the button

# Orders and notices -----------------------------------------------------------------------------
ORDER_TEXT_MAX: Final = 2_000  # characters of a reason, note or comment
ORDER_REPAIRS_MAX: Final = 200  # parts of one entry of a repair: every cell of a pack
ATTACHMENT_BYTES_MAX: Final = 5 << 20  # one file: a photograph of a telephone or a bench report
ATTACHMENTS_MAX: Final = 30  # files of one order
ALARM_NOTICES_MAX: Final = 20  # alarms told one by one in a transaction; more are counted
TARGETS_MAX: Final = 200  # places that notices go to; each is looked at in every step's transaction
DELIVERY_DAYS_MAX: Final = 30  # a notice that nobody took for so long is given up, and shown so
DELIVERIES_KEPT_DAYS: Final = 400  # how long the outbox remembers what it told
NOTICE_WAIT_S_MAX: Final = 10  # a receiver that has not answered by then has failed
NOTICE_ANSWER_BYTES_MAX: Final = 64 << 10  # of a receiver's answer, the rest is not read
