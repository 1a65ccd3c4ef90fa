/*
 * What parcels are made of on the wire (parcel.h has the whole of it): for the two files that write
 * and read them.
 */
#ifndef ROOMCAST_PARCEL_WIRE_H
#define ROOMCAST_PARCEL_WIRE_H

#define HEAD_BYTES 8      /* magic, major, minor, length */
#define PART_HEAD_BYTES 5 /* tag, length */
#define NUMBER_BYTES 8

#define PARCEL_MAGIC "RC"
#define PARCEL_MAJOR 1

enum tag {
	TAG_KIND = 1,
	TAG_TOPIC,
	TAG_EVENT_TYPE,
	TAG_PAYLOAD,
	TAG_CLIENT,
	TAG_USER,
	TAG_EXCLUDE,
	TAG_TS_MS,
	TAG_BORN_US,
	TAG_ID,
	TAG_DROP,
	TAG_MEMBER,
	TAG_FLAGS,
	TAG_REV,
	TAG_COUNT,
	TAG_USERS,
	TAG_NODE,
	TAG_NUMBER,
	TAG_ERROR,
	TAG_BODY,
	TAGS
};

enum { FLAG_JOINED = 1, FLAG_USER_EDGE = 2, FLAG_COUNTS_ONLY = 4 };

#endif
