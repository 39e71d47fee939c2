# Stand-in for Catapult in tests: executes a project script in a plain Tcl interpreter and leaves the files the tool leaves.
# Argument: script. STUB_REPORTS: folder with report texts; STUB_MODE: what to do wrong.

set stub_mode {}
if { [info exists ::env(STUB_MODE)] } { set stub_mode $::env(STUB_MODE) }

proc stub_write {name text} {
  set file [open $name w]
  puts -nonewline $file $text
  close $file
}

proc stub_solution {} {
  set version [expr { $::stub_mode eq {v10} ? 10 : 1 }]
  return $::ae_design.v$version
}

proc stub_report {name} {
  set file [open [file join $::env(STUB_REPORTS) $name]]
  set text [read $file]
  close $file
  set date [exec env LC_ALL=C date -u {+%a %b %d %H:%M:%S UTC %Y}]
  if { $::stub_mode eq {stale} } { set date {Mon Jan  5 10:00:00 UTC 2015} }
  set text [string map [list @SOLUTION@ [stub_solution] @DATE@ $date] $text]
  if { $::stub_mode eq "partial" } { set text [string range $text 0 end-400] }
  stub_write [file join Catapult [stub_solution] $name] $text
}

proc unknown {args} {
  puts "# > $args"
  flush stdout
  switch -glob -- $args {
    {project new*} { file mkdir Catapult; stub_write Catapult.ccs {} }
    {project load*} { if { ![file exists Catapult.ccs] } { error "no project" } }
    {go compile} { file mkdir [file join Catapult [stub_solution]] }
    {go architect} {
      switch -- $::stub_mode {
        error_line { puts "# Error: econ_encoder.cpp(12): feedback path is too long (SCHED-3)" }
        tcl_error { error "schedule failed" }
        crash { exit 139 }
        silent_end { exit 0 }
        hang { exec sleep 60 }
      }
    }
    {go extract} {
      if { $::stub_mode ne "no_reports" } {
        stub_report cycle.rpt
        stub_report rtl.rpt
        stub_write [file join Catapult [stub_solution] concat_rtl.v] "module $::ae_design; endmodule\n"
      }
    }
    {flow run /SCVerify/launch_make*orig_cxx*} {
      if { $::stub_mode eq {csim_fails} } {
        puts {RESULT FAIL events=5 values=9 mismatches=1}
      } else {
        puts {RESULT PASS events=5 values=9 mismatches=0}
      }
    }
    {flow run /SCVerify/launch_make*rtl_v*} { puts {Info: scverify_top/user_tb: Simulation PASSED @ 75 ns} }
    {flow run /PowerAnalysis/*} { stub_report power.rpt }
    {solution get *slack*} { error "no such path" }
    {solution get *} { return 2 }
  }
  return {}
}

source [lindex $argv 0]
