// Copyright the project contributors. SPDX-License-Identifier: Apache-2.0
//
// SCVerify macros: Catapult's own header where it is found, plain C++ meanings otherwise.

#ifndef AE_SCVERIFY_H
#define AE_SCVERIFY_H

#if defined(CCS_SCVERIFY)
#include <mc_scverify.h>
#elif defined(__has_include)
#if __has_include(<mc_scverify.h>)
#include <mc_scverify.h>
#endif
#endif

#ifndef CCS_BLOCK
#define CCS_BLOCK(name) name
#endif
#ifndef CCS_MAIN
#define CCS_MAIN(argc, argv) int main(argc, argv)
#endif
#ifndef CCS_RETURN
#define CCS_RETURN(code) return (code)
#endif

#endif
