CREATE TABLE public.event_part (
    range_id uuid NOT NULL,
    part_index integer NOT NULL,
    upper_key text NOT NULL COLLATE pg_catalog."C",
    merged_through text DEFAULT ''::text NOT NULL COLLATE pg_catalog."C"
);
CREATE TABLE public.event_range (
    range_id uuid NOT NULL,
    source_id uuid NOT NULL,
    from_offset bigint NOT NULL,
    claimed_end bigint NOT NULL,
    end_fixed bigint,
    bytes_hash bytea,
    types_hash bytea,
    lines bigint,
    events bigint,
    rejects bigint,
    revenue numeric,
    last_reject_offset bigint,
    rejects_merged_through bigint DEFAULT '-1'::integer NOT NULL,
    lease_owner uuid,
    lease_until timestamp with time zone,
    CONSTRAINT event_range_check CHECK (((from_offset < claimed_end) AND (end_fixed > from_offset) AND (end_fixed <= claimed_end)))
);
CREATE TABLE public.event_source (
    source_id uuid NOT NULL,
    kind text NOT NULL,
    name text NOT NULL,
    content_id uuid NOT NULL,
    generation integer NOT NULL,
    length bigint NOT NULL,
    claimed_through bigint DEFAULT 0 NOT NULL,
    applied_through bigint DEFAULT 0 NOT NULL,
    lines_through bigint DEFAULT 0 NOT NULL,
    events_through bigint DEFAULT 0 NOT NULL,
    rejects_through bigint DEFAULT 0 NOT NULL,
    revenue_through numeric DEFAULT 0 NOT NULL,
    tail_hash bytea DEFAULT '\x'::bytea NOT NULL,
    types_hash bytea DEFAULT '\x'::bytea NOT NULL,
    lease_owner uuid,
    lease_until timestamp with time zone,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT event_source_check CHECK (((applied_through >= 0) AND (applied_through <= claimed_through))),
    CONSTRAINT event_source_kind_check CHECK ((kind = ANY (ARRAY['log'::text, 'file'::text])))
);
COMMENT ON TABLE public.event_source IS 'ledger schema 3';
CREATE TABLE public.event_source_digest (
    length bigint NOT NULL,
    sha256 bytea NOT NULL,
    content_id uuid NOT NULL,
    recorded_by uuid NOT NULL,
    CONSTRAINT event_source_digest_length_check CHECK ((length > 0))
);
CREATE TABLE public.rejected_event (
    source_id uuid NOT NULL,
    "offset" bigint NOT NULL,
    line bigint NOT NULL,
    range_id uuid,
    reason text NOT NULL,
    beginning text NOT NULL,
    rejected_at timestamp with time zone DEFAULT now() NOT NULL
);
CREATE TABLE public.users_revenue (
    user_id text NOT NULL COLLATE pg_catalog."C",
    revenue numeric NOT NULL
)
WITH (fillfactor='50');
INSERT INTO public.event_source VALUES ('275ab2dc-ac21-4a33-9d12-a4668cfdba8b', 'file', '/srv/former/input.jsonl', '275ab2dc-ac21-4a33-9d12-a4668cfdba8b', 1, 14775, 14775, 14775, 213, 200, 6, 9223372036858015356, '\xbd47769b451d644c4705e491ce6ad8305ae8ac73207eaa1fdfa61d9ae064512f', '\xe484b044c41f5b96d4908baa263b57f6133a72c20da47f51acb8afe7b055ac09', NULL, NULL, '2026-11-20 16:02:34.097714+00');
INSERT INTO public.event_source VALUES ('3933ee4f-6b5d-4b3b-aeee-39b6b810d85b', 'log', '/srv/former/events', '3933ee4f-6b5d-4b3b-aeee-39b6b810d85b', 1, 0, 115455, 115455, 851, 851, 0, -46116860184259294445, '\xd2ed5dc13649bd6a2f55b4a66becdb57a2bc68cf1b35add295431e18ed76b472', '\xf51d6c82df9dd567ea6353904402248e3102fe29ce371d9a8fd437c812083da1', NULL, NULL, '2026-11-20 16:02:30.465081+00');
INSERT INTO public.event_source_digest VALUES (14775, '\x252cdb15e81632ac7fecdef150175efd066206baf645be7e6e41a73fc46fd70d', '275ab2dc-ac21-4a33-9d12-a4668cfdba8b', '275ab2dc-ac21-4a33-9d12-a4668cfdba8b');
INSERT INTO public.rejected_event VALUES ('275ab2dc-ac21-4a33-9d12-a4668cfdba8b', 5681, 75, NULL, 'userId: must not contain the character U+0000', '{"userId":"nul\u0000","name":"add_revenue","value":1}', '2026-11-20 16:02:34.623228+00');
INSERT INTO public.rejected_event VALUES ('275ab2dc-ac21-4a33-9d12-a4668cfdba8b', 6399, 88, NULL, 'line: must be one complete JSON object, and is not valid JSON', '{"userId":"user1","name":"add_revenue","value":1', '2026-11-20 16:02:34.623228+00');
INSERT INTO public.rejected_event VALUES ('275ab2dc-ac21-4a33-9d12-a4668cfdba8b', 9624, 137, NULL, 'value: must be from -9223372036854775808 to 9223372036854775807', '{"userId":"user1","name":"add_revenue","value":9223372036854775808}', '2026-11-20 16:02:34.623228+00');
INSERT INTO public.rejected_event VALUES ('275ab2dc-ac21-4a33-9d12-a4668cfdba8b', 9816, 140, NULL, 'name: is not the name of a configured event type (by default add_revenue and subtract_revenue)', '{"userId":"user1","name":"give_revenue","value":1}', '2026-11-20 16:02:34.623228+00');
INSERT INTO public.rejected_event VALUES ('275ab2dc-ac21-4a33-9d12-a4668cfdba8b', 13054, 188, NULL, 'line: must be one complete JSON object, and is not valid JSON', 'user1,add_revenue,1', '2026-11-20 16:02:34.623228+00');
INSERT INTO public.rejected_event VALUES ('275ab2dc-ac21-4a33-9d12-a4668cfdba8b', 13129, 190, NULL, 'userId: must not contain one half of a surrogate pair without the other', '{"userId":"lone \ud800","name":"add_revenue","value":1}', '2026-11-20 16:02:34.623228+00');
INSERT INTO public.users_revenue VALUES ('known user', 4711);
INSERT INTO public.users_revenue VALUES ('"quoted"', 175088);
INSERT INTO public.users_revenue VALUES ('+', 789445);
INSERT INTO public.users_revenue VALUES ('?x=1&y=2#z', 324721);
INSERT INTO public.users_revenue VALUES ('NULL', 428765);
INSERT INTO public.users_revenue VALUES ('O''Neill', -9223372036854038028);
INSERT INTO public.users_revenue VALUES ('a%2Fb', 481377);
INSERT INTO public.users_revenue VALUES ('a/b', -18446744073708969247);
INSERT INTO public.users_revenue VALUES ('back\slash', 445577);
INSERT INTO public.users_revenue VALUES ('tab	and
newline', 157299);
INSERT INTO public.users_revenue VALUES ('user 1', -9223372036853473854);
INSERT INTO public.users_revenue VALUES ('user13', 470705);
INSERT INTO public.users_revenue VALUES ('user14', 382758);
INSERT INTO public.users_revenue VALUES ('user15', 433377);
INSERT INTO public.users_revenue VALUES ('user16', 841314);
INSERT INTO public.users_revenue VALUES ('user17', 788404);
INSERT INTO public.users_revenue VALUES ('user18', 9223372036855302427);
INSERT INTO public.users_revenue VALUES ('user19', 9223372036854570796);
INSERT INTO public.users_revenue VALUES ('user20', 237800);
INSERT INTO public.users_revenue VALUES ('user21', 1423718);
INSERT INTO public.users_revenue VALUES ('user22', 9223372036854807912);
INSERT INTO public.users_revenue VALUES ('user23', -9223372036854301748);
INSERT INTO public.users_revenue VALUES ('user24', 48517);
INSERT INTO public.users_revenue VALUES ('user25', 586736);
INSERT INTO public.users_revenue VALUES ('user26', 9223372036855098999);
INSERT INTO public.users_revenue VALUES ('user27', 175567);
INSERT INTO public.users_revenue VALUES ('user28', 162987);
INSERT INTO public.users_revenue VALUES ('user29', 9223372036855083860);
INSERT INTO public.users_revenue VALUES ('user30', 632807);
INSERT INTO public.users_revenue VALUES ('user31', -18446744073709265574);
INSERT INTO public.users_revenue VALUES ('user32', 521730);
INSERT INTO public.users_revenue VALUES ('user33', -9223372036854353767);
INSERT INTO public.users_revenue VALUES ('user34', 266193);
INSERT INTO public.users_revenue VALUES ('user35', 396875);
INSERT INTO public.users_revenue VALUES ('user36', 412520);
INSERT INTO public.users_revenue VALUES ('user37', 514880);
INSERT INTO public.users_revenue VALUES ('user38', 244501);
INSERT INTO public.users_revenue VALUES ('user39', 688687);
INSERT INTO public.users_revenue VALUES ('xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx', 736107);
INSERT INTO public.users_revenue VALUES ('ä ö ü', -9223372036854540617);
INSERT INTO public.users_revenue VALUES ('😀', 26586);
ALTER TABLE ONLY public.event_part
    ADD CONSTRAINT event_part_pkey PRIMARY KEY (range_id, part_index);
ALTER TABLE ONLY public.event_range
    ADD CONSTRAINT event_range_pkey PRIMARY KEY (range_id);
ALTER TABLE ONLY public.event_range
    ADD CONSTRAINT event_range_source_id_from_offset_key UNIQUE (source_id, from_offset);
ALTER TABLE ONLY public.event_source
    ADD CONSTRAINT event_source_content_id_generation_key UNIQUE (content_id, generation);
ALTER TABLE ONLY public.event_source_digest
    ADD CONSTRAINT event_source_digest_pkey PRIMARY KEY (length, sha256);
ALTER TABLE ONLY public.event_source
    ADD CONSTRAINT event_source_pkey PRIMARY KEY (source_id);
ALTER TABLE ONLY public.rejected_event
    ADD CONSTRAINT rejected_event_pkey PRIMARY KEY (source_id, "offset");
ALTER TABLE ONLY public.users_revenue
    ADD CONSTRAINT users_revenue_pkey PRIMARY KEY (user_id);
CREATE INDEX event_source_digest_content ON public.event_source_digest USING btree (content_id);
CREATE INDEX rejected_event_latest ON public.rejected_event USING btree (rejected_at, "offset");
