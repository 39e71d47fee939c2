// Copyright the project contributors. SPDX-License-Identifier: Apache-2.0
//
// Output formatter: packets of latents on 1 to MaxLinks links of 32 bits per clock, one register stage.
//
// Packet of n links, 32 n bits, most significant bit first, link 0 first:
//   header    5 bits   31 at bunch crossing 0, else bunch crossing mod 16
//   sum code  CodeWidth bits
//   data      right-aligned, zeros in front: the top LinkLatentBits[n] bits of every latent, last latent first
// Truncation, not rounding. `links_i` is the number of links: 0 switches the transmitter off (all words zero),
// above MaxLinks counts as MaxLinks. Clocks without an event send zeros.
//
// `bx_i` belongs to the event at the encoder's input; the header travels beside the event for Latency clocks.
// While the encoder's output is held at zero the packets go on, with header, and zeros behind it.

module econ_formatter #(
  parameter int                           NumLatents  = 16,
  parameter int                           LatentWidth = 9,
  parameter int                           CodeWidth   = 9,
  parameter int                           BxWidth     = 12,
  parameter int                           MaxLinks    = 5,
  parameter int                           Latency     = 2,   // clocks of the encoder, at least 1
  // bits of each latent on n = 1..MaxLinks links: 32 bits per entry, one link at the LSB
  parameter logic [32*MaxLinks-1:0]       LinkLatentBits = {32'd9, 32'd7, 32'd5, 32'd3, 32'd1}
) (
  input  logic                              clk_i,
  input  logic                              rst_ni,
  input  logic [7:0]                        links_i,
  input  logic [BxWidth-1:0]                bx_i,
  input  logic                              valid_i,     // of the encoder's output
  input  logic [NumLatents*LatentWidth-1:0] latents_i,   // latent 0 at the LSB
  input  logic [CodeWidth-1:0]              sum_code_i,
  output logic [32*MaxLinks-1:0]            links_o      // link 0 at the LSB
);

  localparam int HeaderWidth = 5;

  logic [HeaderWidth-1:0]            header;
  logic [Latency*HeaderWidth-1:0]    header_d, header_q;   // newest at the LSB
  logic [HeaderWidth+CodeWidth-1:0]  front;
  logic [MaxLinks*32*MaxLinks-1:0]   words;                // link words for each number of links
  logic [32*MaxLinks-1:0]            links_d, links_q;
  logic [7:0]                        links;

  assign header   = (bx_i == '0) ? '1 : {1'b0, bx_i[3:0]};
  assign header_d = (Latency * HeaderWidth)'({header_q, header});
  assign front    = {header_q[Latency*HeaderWidth-1 -: HeaderWidth], sum_code_i};
  assign links    = (links_i > 8'(MaxLinks)) ? 8'(MaxLinks) : links_i;

  for (genvar n = 1; n <= MaxLinks; n++) begin : gen_count
    localparam int Bits = LinkLatentBits[32*(n-1) +: 32];
    localparam int DataWidth = 32 * n - HeaderWidth - CodeWidth;

    logic [DataWidth-1:0] data;
    logic [32*n-1:0]      packet;

    if (NumLatents * Bits < DataWidth) begin : gen_pad
      assign data[DataWidth-1 : NumLatents*Bits] = '0;
    end
    if (Bits > 0) begin : gen_send
      for (genvar i = 0; i < NumLatents; i++) begin : gen_latent
        assign data[i*Bits +: Bits] = Bits'(latents_i[i*LatentWidth +: LatentWidth] >> (LatentWidth - Bits));
      end
    end

    assign packet = {front, data};
    for (genvar w = 0; w < MaxLinks; w++) begin : gen_word
      if (w < n) begin : gen_used
        assign words[32*(MaxLinks*(n-1) + w) +: 32] = packet[32*(n-1-w) +: 32];
      end else begin : gen_unused
        assign words[32*(MaxLinks*(n-1) + w) +: 32] = '0;
      end
    end
  end

  always @(*) begin
    links_d = '0;
    for (int n = 1; n <= MaxLinks; n++) begin
      if (valid_i && links == 8'(n)) links_d = words[32*MaxLinks*(n-1) +: 32*MaxLinks];
    end
  end

  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) begin
      header_q <= '0;
      links_q  <= '0;
    end else begin
      header_q <= header_d;
      links_q  <= links_d;
    end
  end

  assign links_o = links_q;

`ifndef SYNTHESIS
`ifndef __ICARUS__  // version 11 has no elaboration system tasks
  for (genvar n = 1; n <= MaxLinks; n++) begin : gen_check
    if (LinkLatentBits[32*(n-1) +: 32] > LatentWidth
        || NumLatents * LinkLatentBits[32*(n-1) +: 32] + HeaderWidth + CodeWidth > 32 * n) begin : gen_check_bits
      $error("econ_formatter: the bits per latent in LinkLatentBits do not fit the latents or the packet");
    end
  end
  if (Latency < 1 || BxWidth < 4 || MaxLinks > 255) begin : gen_check_size
    $error("econ_formatter: Latency must be at least 1, BxWidth at least 4, MaxLinks at most 255");
  end
`endif
`endif

endmodule
